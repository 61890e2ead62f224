"""Which library reads a picture: told by its first bytes, and by its suffix only where bytes cannot tell."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from stbench.errors import DatasetError

from .suffixes import OPENSLIDE_SUFFIXES, TIFF_SUFFIXES, image_suffix

Reader = Literal["tiff", "pillow", "openslide"]
TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
JPEG_START, PNG_START = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"


def reader_of(path: Path) -> Reader:
    """Who reads the file; DatasetError where it cannot be opened at all."""
    suffix = image_suffix(path.name)
    if suffix in OPENSLIDE_SUFFIXES:
        return "openslide"
    start = first_bytes(path)
    if start.startswith(TIFF_STARTS):
        return "tiff"
    is_other = start.startswith((JPEG_START, PNG_START))
    return "tiff" if path.suffix.lower() in TIFF_SUFFIXES and not is_other else "pillow"


def first_bytes(path: Path, n: int = 64) -> bytes:
    """The first bytes of a file; DatasetError where it cannot be opened."""
    try:
        with path.open("rb") as file:
            return file.read(n)
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror}); copy or download it again.") from error
