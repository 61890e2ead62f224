"""Spots that lie outside their image: left out where that is asked for, else an error that says what may be wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from stbench.errors import DatasetError

from .images import image_size

# So many outside are no stray spots, where another frame would hold them all.
_MOST_STRAY = 0.2

# What is wrong with a frame -> places (n, 2) in it to those in the right one.
_FRAMES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "rows and columns exchanged": lambda xy: xy[:, ::-1],
    "y mirrored": lambda xy: xy * (1, -1),
    "x mirrored": lambda xy: xy * (-1, 1),
    "x and y mirrored": lambda xy: -xy,
    "rows and columns exchanged and y mirrored": lambda xy: xy[:, ::-1] * (1, -1),
    "rows and columns exchanged and x mirrored": lambda xy: xy[:, ::-1] * (-1, 1),
}


def inside(pixel_xy: np.ndarray, spot_ids: list[str], positions: Path, image: Path, drop: bool) -> np.ndarray:
    """(n,) True for spots inside the image.

    Raises DatasetError where one is not, unless `drop`; and in any case where none is, or where so many are outside
    that another frame is likelier.
    """
    size = np.array(image_size(image))
    within = _within(pixel_xy, size)
    n_outside = int((~within).sum())
    if n_outside == 0:
        return within
    frame = next((name for name, turn in _FRAMES.items() if _within(turn(pixel_xy), size).all()), "")
    if drop and within.any() and not (frame and n_outside > _MOST_STRAY * len(within)):
        return within
    first = int(np.argmin(within))
    (x, y), (width, height) = pixel_xy[first], size
    raise DatasetError(
        f"{positions}: spot {spot_ids[first]} at pixel ({x:.0f}, {y:.0f}) lies outside {image} of "
        f"{width} x {height} px ({n_outside} of {len(within)} spots do); {_advice(frame, n_outside, len(within))}"
    )


def _within(pixel_xy: np.ndarray, size: np.ndarray) -> np.ndarray:
    return np.all((pixel_xy >= 0) & (pixel_xy < size), axis=1)


def _advice(frame: str, n_outside: int, n: int) -> str:
    if frame:
        return f"with {frame} all lie inside: write the positions the other way round."
    is_stray = n_outside <= _MOST_STRAY * n
    sizes = "" if is_stray else "is it the full-size image? "
    return f"{sizes}--drop-outside, or the column drop_outside of slides.csv, leaves them out."
