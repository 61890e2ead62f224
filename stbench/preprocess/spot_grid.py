"""Spots laid over an image as a platform's array lays them: squares on ST, every second place of each row elsewhere."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial import KDTree

# The share of the pitch that a spot's circle has as its diameter: 100 of 200 microns on ST, 55 of 100 on Visium.
DIAMETER_ST, DIAMETER_ELSEWHERE = 0.5, 0.55
# Rows and columns of one array: spots beyond are spots of further arrays beside it.
_ARRAY_ST, _ARRAY_ELSEWHERE = (64, 64), (78, 128)


class SpotGrid(NamedTuple):
    """Places of spots: pixel_xy (n, 2) x then y, array_row_column (n, 2)."""

    pixel_xy: np.ndarray
    array_row_column: np.ndarray


def lay_grid(width: int, height: int, pitch: float, platform: str) -> SpotGrid:
    """All places of an array of that pitch, in pixels, whose centres lie in an image of that size."""
    square = platform == "ST"
    row_step, column_step = (pitch, pitch) if square else (pitch * np.sqrt(3) / 2, pitch / 2)
    rows = np.arange(int(max(height - 1, 0) / row_step + 0.5))
    columns = np.arange(int(max(width - 1, 0) / column_step + 0.5))
    row_column = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
    if not square:
        row_column = row_column[row_column.sum(axis=1) % 2 == 0]
    pixel_xy = (row_column[:, ::-1] + 0.5) * (column_step, row_step)
    return SpotGrid(pixel_xy, row_column)


def pitch(pixel_xy: np.ndarray, array_row_column: np.ndarray) -> float:
    """Pixels between neighbouring spots (n, 2): as far as the array, laid over them by least squares, has neighbours.

    Spots lie off their places by chance, so that the distance to the nearest alone would come out too small.
    """
    nearest = np.asarray(KDTree(pixel_xy).query(pixel_xy, k=2)[1])[:, 1]
    places = np.column_stack([array_row_column, np.ones(len(pixel_xy))]).astype(np.float64)
    steps = np.linalg.lstsq(places, pixel_xy, rcond=None)[0][:2]  # pixels to a row, to a column
    apart = (array_row_column[nearest] - array_row_column) @ steps
    return float(np.median(np.linalg.norm(apart, axis=1)))


def diameter(pitch: float, platform: str) -> float:
    """A spot's diameter, in the unit of the pitch."""
    return pitch * (DIAMETER_ST if platform == "ST" else DIAMETER_ELSEWHERE)


def arrays_of(array_row_column: np.ndarray, platform: str) -> list[np.ndarray]:
    """The spots of each array, by number, where a grid (n, 2) is larger than one of the platform's arrays."""
    size = np.array(_ARRAY_ST if platform == "ST" else _ARRAY_ELSEWHERE)
    which = array_row_column // size
    _, numbers = np.unique(which, axis=0, return_inverse=True)
    return [np.flatnonzero(numbers.ravel() == number) for number in range(int(numbers.max(initial=-1)) + 1)]


def within_array(array_row_column: np.ndarray, platform: str) -> np.ndarray:
    """(n, 2) row and column of each spot within its own array."""
    return array_row_column % np.array(_ARRAY_ST if platform == "ST" else _ARRAY_ELSEWHERE)
