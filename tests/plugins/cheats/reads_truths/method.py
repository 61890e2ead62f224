"""Reads the truths that an earlier run stored."""

from __future__ import annotations

from collections.abc import Iterable

from stbench.slide import QuerySlide

from .cheat import Cheat, Find, of_files, where


class ReadsTruths(Cheat):
    def look(self, slide: QuerySlide) -> Iterable[Find]:
        return of_files(file.read_bytes() for file in where().glob("*.npz"))
