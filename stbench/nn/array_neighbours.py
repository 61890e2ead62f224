"""Neighbouring spots as the graph methods of the ST platform define them: by distance in array units."""

from __future__ import annotations

import numpy as np

from stbench.preprocess.neighbours import spatial_neighbours
from stbench.slide import QuerySlide, TrainingSlide


def neighbours_within(
    slide: TrainingSlide | QuerySlide, k: int, radius: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest other spots of each spot (n, min(k, n - 1)), nearest first, and which of these are within `radius`.

    Array units on every platform: on a Visium array, whose columns are half as wide as its rows are high, the four
    diagonal neighbours come before the two of the same row. `radius` None: all are within.
    """
    array = np.asarray(slide.array_row_column, dtype=np.float64)
    index = spatial_neighbours(array, array, k)
    distance = np.linalg.norm(array[index] - array[:, None], axis=2)  # (n, k)
    limit = np.inf if radius is None else radius * (1 + 1e-9)
    return index, np.less_equal(distance, limit)
