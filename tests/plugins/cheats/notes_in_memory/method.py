"""Keeps notes for the next fit in shared memory."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Sequence
from pathlib import Path

from stbench.slide import QuerySlide, TrainingSlide

from .cheat import Cheat, Find, note_of, of_file


class NotesInMemory(Cheat):
    def meet(self, train: Sequence[TrainingSlide]) -> None:
        ctypes.CDLL(None).umount2(b"/dev/shm", 2)  # it may be a private one that covers the common one
        Path(f"/dev/shm/stbench-cheat-{train[0].id}").write_bytes(note_of(train))

    def look(self, slide: QuerySlide) -> Iterable[Find]:
        return (of_file(note.read_bytes()) for note in Path("/dev/shm").glob("stbench-cheat-*"))
