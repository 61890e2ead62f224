"""The nearest spots of a slide, ties settled by a rule.

This file loads no torch: whoever scores stored predictions goes without it.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree

from stbench.slide import QuerySlide, TrainingSlide

TIE_DIGITS = 9


def rounded(distances: np.ndarray) -> np.ndarray:
    """Distances to nine significant digits, so that ties are not settled by rounding noise."""
    mantissa, exponent = np.frexp(distances)
    return np.ldexp(np.round(mantissa, TIE_DIGITS), exponent)


def neighbour_positions(slide: TrainingSlide | QuerySlide) -> np.ndarray:
    """(n, 2) positions in which spots are near: array units on the ST platform, pixels elsewhere."""
    return slide.array_row_column if slide.platform == "ST" else slide.pixel_xy


def spatial_neighbours(positions: np.ndarray, array_row_column: np.ndarray, k: int) -> np.ndarray:
    """The `k` nearest other spots of each spot: (n, min(k, n - 1)) int64, nearest first.

    positions (n, 2) say how far apart spots are; ties go by (distance, row, column) of array_row_column
    (n, 2), distances being equal when they agree to nine digits.
    """
    n = len(positions)
    found = max(0, min(k, n - 1))
    if found == 0:
        return np.empty((n, 0), dtype=np.int64)
    distances, index = _beyond_ties(np.asarray(positions, dtype=np.float64), found)
    own = index == np.arange(n)[:, None]
    distances = np.where(own, np.inf, rounded(distances))
    row, column = array_row_column[index, 0], array_row_column[index, 1]
    order = np.lexsort((index, column, row, distances), axis=-1)[:, :found]
    return np.take_along_axis(index, order, 1).astype(np.int64)


def _beyond_ties(positions: np.ndarray, found: int) -> tuple[np.ndarray, np.ndarray]:
    """Enough nearest spots, itself included, to hold every spot that ties for the last place."""
    tree, n = KDTree(positions), len(positions)
    asked = found + 13
    while True:
        distances, index = map(np.asarray, tree.query(positions, k=min(asked, n)))
        if asked >= n or (distances[:, -1] > distances[:, found] * (1 + 1e-8)).all():
            return distances, index
        asked *= 2
