"""Keeps notes for the next fit in what links for temporary files point to."""

from __future__ import annotations

import base64
import contextlib
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from stbench.slide import QuerySlide, TrainingSlide

from .cheat import Cheat, Find, note_of, of_file


class NotesInLinks(Cheat):
    def meet(self, train: Sequence[TrainingSlide]) -> None:
        for folder in {"/tmp", "/var/tmp", tempfile.gettempdir()}:
            note = base64.urlsafe_b64encode(note_of(train)).decode()
            for i in range(0, len(note), 200):  # no part of a path may be longer than 255
                with contextlib.suppress(OSError):
                    Path(f"{folder}/stbench-cheat-{train[0].id}-{i:06}").symlink_to(note[i : i + 200])

    def look(self, slide: QuerySlide) -> Iterable[Find]:
        for folder in {"/tmp", "/var/tmp", tempfile.gettempdir()}:
            for first in Path(folder).glob("stbench-cheat-*-000000"):
                parts = sorted(Path(folder).glob(f"{first.name[:-6]}*"))
                yield of_file(base64.urlsafe_b64decode("".join(map(os.readlink, parts))))
