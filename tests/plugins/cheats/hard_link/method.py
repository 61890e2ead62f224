"""Reads a hard link to the slides' files that lies in its own folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from stbench.slide import QuerySlide

from .cheat import Cheat, Find, of_files


class HardLink(Cheat):
    def look(self, slide: QuerySlide) -> Iterable[Find]:
        return of_files(file.read_bytes() for file in Path(__file__).parent.glob("*.npz"))
