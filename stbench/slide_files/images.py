"""Size of a slide's image, and whether the file is whole, without decoding it."""

from __future__ import annotations

from pathlib import Path

from stbench.errors import DatasetError
from stbench.pictures.errors import truncated
from stbench.pictures.kinds import JPEG_START, PNG_START, first_bytes
from stbench.pictures.opening import image_extent
from stbench.pictures.suffixes import SUFFIXES as SUFFIXES
from stbench.pictures.wholeness import jpeg_is_whole, png_is_whole

_GIT_LFS = b"version https://git-lfs"


def image_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels as displayed; DatasetError for a Git-LFS pointer, a damaged or a truncated image."""
    start = first_bytes(path)
    if start.startswith(_GIT_LFS):
        raise DatasetError(
            f"{path} is a Git-LFS pointer, not the image; run `git lfs pull` in its repository."
        )
    size = image_extent(path)
    if start.startswith(JPEG_START) and not jpeg_is_whole(path):
        raise truncated(path, "JPEG")
    if start.startswith(PNG_START) and not png_is_whole(path):
        raise truncated(path, "PNG")
    return size
