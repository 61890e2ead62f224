"""Has another program read the slides' own files."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable

from stbench.slide import QuerySlide

from .cheat import Cheat, Find, of_files, where


class AsksCat(Cheat):
    def look(self, slide: QuerySlide) -> Iterable[Find]:
        paths = (f"{where()}/{name}.npz" for name in ("A1", "B1", "C1", "D1"))
        return of_files(subprocess.run(["cat", path], capture_output=True).stdout for path in paths)
