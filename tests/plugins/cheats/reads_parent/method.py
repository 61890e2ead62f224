"""Looks into the processes above it, at their files, their environment, their memory."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from stbench.slide import QuerySlide

from .cheat import Cheat, Find, of_files, where


class ReadsParent(Cheat):
    def look(self, slide: QuerySlide) -> Iterable[Find]:
        for parent in (os.getppid(), 1):
            for door in (f"/proc/{parent}/root", f"/proc/{parent}/cwd", "/proc/self/root"):
                files = list(Path(f"{door}{where()}").glob("*.npz"))
                if files:
                    yield from of_files(file.read_bytes() for file in files)
