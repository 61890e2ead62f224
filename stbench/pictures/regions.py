"""An open picture, read by region as it is displayed, whatever way round its file stores it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

# Enough rows for most tiles to be decoded once or twice, few enough for a band of a large section to fit in memory.
ROWS_AT_ONCE = 512
UPRIGHT = 1


class SlideImage(NamedTuple):
    """An open image at one resolution.

    width, height  in pixels, as displayed
    rows_at_once   rows that are best read together
    stored         (left, top, right, bottom) within the stored image -> (bottom - top, right - left, 3) uint8 RGB
    orientation    the tag of EXIF and TIFF: how the stored image is turned to be displayed, 1 to 8
    """

    width: int
    height: int
    rows_at_once: int
    stored: Callable[[int, int, int, int], np.ndarray]
    orientation: int = UPRIGHT

    def region(self, left: int, top: int, right: int, bottom: int) -> np.ndarray:
        """(bottom - top, right - left, 3) uint8 RGB of a part of the image as displayed, cut off at its edges."""
        left, right = max(int(left), 0), min(int(right), self.width)
        top, bottom = max(int(top), 0), min(int(bottom), self.height)
        if left >= right or top >= bottom:
            return np.empty((0, 0, 3), dtype=np.uint8)
        turned, flip_x, flip_y = _turns(self.orientation)
        if flip_x:
            left, right = self.width - right, self.width - left
        if flip_y:
            top, bottom = self.height - bottom, self.height - top
        pixels = self.stored(top, left, bottom, right) if turned else self.stored(left, top, right, bottom)
        pixels = np.swapaxes(pixels, 0, 1) if turned else pixels
        return np.ascontiguousarray(pixels[:: -1 if flip_y else 1, :: -1 if flip_x else 1])


def displayed(
    width: int,
    height: int,
    stored: Callable[[int, int, int, int], np.ndarray],
    orientation: int,
    chunk: int = 1,
) -> SlideImage:
    """A stored image of that size as it is displayed; `chunk` is the fewest rows, as displayed, that decode alone."""
    width, height = displayed_size(width, height, orientation)
    return SlideImage(width, height, max(ROWS_AT_ONCE, chunk), stored, orientation)


def displayed_size(width: int, height: int, orientation: int) -> tuple[int, int]:
    """Width and height as displayed of an image that is stored with that size."""
    return (height, width) if is_turned(orientation) else (width, height)


def is_turned(orientation: int) -> bool:
    """Whether rows are stored as columns."""
    return _turns(orientation)[0]


def _turns(orientation: int) -> tuple[bool, bool, bool]:
    """Whether, to be displayed, rows and columns are exchanged first, then x and y run the other way."""
    return orientation in (5, 6, 7, 8), orientation in (2, 3, 6, 7), orientation in (3, 4, 7, 8)
