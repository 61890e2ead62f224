"""Reads the slides' own files with the C library, of which Python hears nothing."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable

from stbench.slide import QuerySlide

from .cheat import Cheat, Find, of_files, where


def _read(path: bytes) -> bytes:
    libc = ctypes.CDLL(None)
    libc.fopen.restype = ctypes.c_void_p
    file = ctypes.c_void_p(libc.fopen(path, b"rb"))
    if not file:
        raise OSError("it cannot be opened")
    buffer = ctypes.create_string_buffer(1 << 20)
    return buffer.raw[: libc.fread(buffer, 1, len(buffer), file)]


class ReadsByC(Cheat):
    def look(self, slide: QuerySlide) -> Iterable[Find]:
        return of_files(_read(f"{where()}/{name}.npz".encode()) for name in ("A1", "B1", "C1", "D1"))
