"""Size of a slide's image from its header, without decoding it."""

from __future__ import annotations

import os
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from stbench.errors import DatasetError

_GIT_LFS = b"version https://git-lfs"
_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"


def image_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels; DatasetError for a Git-LFS pointer, a damaged or a truncated image."""
    start, end = _first_and_last_bytes(path)
    if start.startswith(_GIT_LFS):
        raise DatasetError(
            f"{path} is a Git-LFS pointer, not the image; run `git lfs pull` in its repository."
        )
    limit = Image.MAX_IMAGE_PIXELS
    # Whole sections exceed Pillow's limit against malicious images; only the header is read here.
    Image.MAX_IMAGE_PIXELS = None
    try:
        with Image.open(path) as image:
            size = image.size
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise DatasetError(f"{path} is no readable image ({error}); copy or download it again.") from error
    finally:
        Image.MAX_IMAGE_PIXELS = limit
    # Inside JPEG data this marker cannot occur, so its absence near the end means that the file was cut off.
    if start.startswith(_JPEG_START) and _JPEG_END not in end:
        raise DatasetError(f"{path} is a truncated JPEG image; copy or download it again.")
    return size


def _first_and_last_bytes(path: Path, n: int = 4096) -> tuple[bytes, bytes]:
    try:
        with path.open("rb") as file:
            start = file.read(n)
            file.seek(max(0, file.seek(0, os.SEEK_END) - n))
            return start, file.read(n)
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror}); copy or download it again.") from error
