"""Keeps notes for the next fit in the kernel's keyring of its user."""

from __future__ import annotations

import contextlib
import ctypes
import platform
from collections.abc import Iterable, Sequence

from stbench.slide import QuerySlide, TrainingSlide

from .cheat import Cheat, Find, note_of, of_file

_ADD, _CONTROL = (248, 250) if platform.machine() == "x86_64" else (217, 219)
_OF_USER = -4


def _call(*arguments: object) -> int:
    call = ctypes.CDLL(None).syscall
    call.restype = ctypes.c_long
    return call(*[ctypes.c_long(value) if isinstance(value, int) else value for value in arguments])


class NotesInKeyring(Cheat):
    def meet(self, train: Sequence[TrainingSlide]) -> None:
        note = note_of(train)
        for i in range(0, len(note), 8000):
            part = note[i : i + 8000]
            key = _call(_ADD, b"user", f"{__file__}-{train[0].id}-{i}".encode(), part, len(part), _OF_USER)
            _call(_CONTROL, 15, key, 120)  # seconds, after which it is gone

    def look(self, slide: QuerySlide) -> Iterable[Find]:
        for letter in "ABCD":
            note = b""
            while (
                key := _call(_CONTROL, 10, _OF_USER, b"user", f"{__file__}-{letter}1-{len(note)}".encode(), 0)
            ) > 0:
                part = ctypes.create_string_buffer(8000)
                note += part.raw[: _call(_CONTROL, 11, key, part, len(part))]
            with contextlib.suppress(ValueError, EOFError):
                yield of_file(note)
