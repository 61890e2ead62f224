"""Size of an image from its header, and whether the file is whole, without decoding it."""

from __future__ import annotations

import os
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from stbench.errors import DatasetError

TIFF_SUFFIXES = (".tif", ".tiff", ".btf")
SUFFIXES = (".jpg", ".jpeg", ".png", *TIFF_SUFFIXES)
_GIT_LFS = b"version https://git-lfs"
_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_PNG_START, _PNG_END = b"\x89PNG", b"IEND"


def image_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels; DatasetError for a Git-LFS pointer, a damaged or a truncated image."""
    start, end = _first_and_last_bytes(path)
    if start.startswith(_GIT_LFS):
        raise DatasetError(
            f"{path} is a Git-LFS pointer, not the image; run `git lfs pull` in its repository."
        )
    if path.suffix.lower() in TIFF_SUFFIXES:
        return _tiff_size(path)
    size = _header_size(path)
    # Inside JPEG data its marker cannot occur, and a PNG ends with its own: without it, the file was cut off.
    for kind, first, last in (("JPEG", _JPEG_START, _JPEG_END), ("PNG", _PNG_START, _PNG_END)):
        if start.startswith(first) and last not in end:
            raise DatasetError(f"{path} is a truncated {kind} image; copy or download it again.")
    return size


def _header_size(path: Path) -> tuple[int, int]:
    limit = Image.MAX_IMAGE_PIXELS
    # Whole sections exceed Pillow's limit against malicious images; only the header is read here.
    Image.MAX_IMAGE_PIXELS = None
    try:
        with Image.open(path) as image:
            return image.size
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise DatasetError(f"{path} is no readable image ({error}); copy or download it again.") from error
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _tiff_size(path: Path) -> tuple[int, int]:
    """Size of a TIFF's first page, the full resolution of a pyramid; all its tiles must lie within the file."""
    from tifffile import TiffFile

    try:
        with TiffFile(path) as tiff:
            page = tiff.pages.first
            size = page.imagewidth, page.imagelength
            last = max(map(sum, zip(page.dataoffsets, page.databytecounts, strict=True)), default=0)
    except Exception as error:  # tifffile passes on whatever a damaged header leads to
        raise DatasetError(
            f"{path} is no readable TIFF image ({error}); copy or download it again."
        ) from error
    if last > path.stat().st_size:
        raise DatasetError(f"{path} is a truncated TIFF image; copy or download it again.")
    return size


def _first_and_last_bytes(path: Path, n: int = 4096) -> tuple[bytes, bytes]:
    try:
        with path.open("rb") as file:
            start = file.read(n)
            file.seek(max(0, file.seek(0, os.SEEK_END) - n))
            return start, file.read(n)
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror}); copy or download it again.") from error
