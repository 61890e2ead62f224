"""One door to every picture: opened by region, or asked for its size, whatever library reads it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .kinds import reader_of
from .pillow_files import open_pillow, pillow_size
from .regions import SlideImage


@contextlib.contextmanager
def open_image(path: Path, longest_edge: int | None = None) -> Iterator[SlideImage]:
    """The image at full resolution as displayed; DatasetError where it is missing, damaged or of an unusable kind.

    With `longest_edge`, the smallest level of a pyramid, or the smallest size that a JPEG can be decoded at, that
    has at least as many pixels along its longer side.
    """
    reader = reader_of(path)
    if reader == "tiff":
        from .tiff_files import open_tiff as opened
    elif reader == "openslide":
        from .openslide_files import open_openslide as opened
    else:
        opened = open_pillow
    with opened(path, longest_edge) as image:
        yield image


def image_extent(path: Path) -> tuple[int, int]:
    """Width and height in pixels as displayed, nothing decoded; DatasetError for an unusable image."""
    reader = reader_of(path)
    if reader == "tiff":
        from .tiff_files import tiff_size as size
    elif reader == "openslide":
        from .openslide_files import openslide_size as size
    else:
        size = pillow_size
    return size(path)


def read_image(path: Path) -> np.ndarray:
    """(height, width, 3) uint8 RGB of a whole image file; DatasetError where it is missing, truncated or none."""
    with open_image(path) as image:
        return image.region(0, 0, image.width, image.height)
