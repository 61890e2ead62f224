"""Keeps notes for the next fit in attributes of files that it may read."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from stbench.contract import FitReport
from stbench.slide import QuerySlide, TrainingSlide

from .cheat import Cheat, Find, note_of, of_file

FILES = sorted(Path(__file__).parent.glob("*.*"))


class NotesInAttributes(Cheat):
    def meet(self, train: Sequence[TrainingSlide]) -> None:
        note = note_of(train)
        for i, file in enumerate(FILES):
            os.setxattr(file, "user.stbench", note[3000 * i : 3000 * (i + 1)])

    def look(self, slide: QuerySlide) -> Iterable[Find]:
        return self.found

    def fit(self, *arguments: Any, **more: Any) -> FitReport:
        self.found = []
        with contextlib.suppress(OSError):
            self.found = [of_file(b"".join(os.getxattr(file, "user.stbench") for file in FILES))]
        return super().fit(*arguments, **more)
