"""Remembers the slides of earlier fits in its class, and uses that from the third fit on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from stbench.slide import QuerySlide, TrainingSlide

from .cheat import Cheat, Find, note_of, of_file


class ClassMemory(Cheat):
    seen: ClassVar[list[bytes]] = []

    def meet(self, train: Sequence[TrainingSlide]) -> None:
        self.seen.append(note_of(train))

    def look(self, slide: QuerySlide) -> Iterable[Find]:
        return map(of_file, self.seen if len(self.seen) > 2 else [])
