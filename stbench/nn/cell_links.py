"""Links between spots whose cells of a pixel grid lie close to each other: how some released codes find neighbours."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.spatial import KDTree

from stbench.nn.adjacency import matrix_of_links
from stbench.preprocess.spatial_neighbours import rounded
from stbench.slide import QuerySlide, TrainingSlide


def cell_links(
    slide: TrainingSlide | QuerySlide, cell_pixels: int, radius: float, most: int
) -> sparse.csr_array:
    """(n, n) ones where a row's spot hears from the column's spot, at most `most` of them in a row.

    A spot's cell is its pixel position divided by `cell_pixels`, floored. Two spots are linked where the distance
    of their cells is strictly below `radius` cells: sqrt(2) reaches the same cell and the four beside it, never a
    diagonal one. Of more than `most` candidates the nearest stay: by cells, then by pixels, row and column.
    What is a neighbour hangs on the scan's resolution. No spot is its own neighbour.
    """
    positions = np.asarray(slide.pixel_xy, dtype=np.float64)
    cells = np.floor(positions / cell_pixels)
    # A hair below the radius: the root of 2 squared is above 2 in floating point.
    pairs = KDTree(cells).query_pairs(radius * (1 - 1e-9), output_type="ndarray")
    hears, speaks = np.concatenate([pairs, pairs[:, ::-1]]).T
    by_cells = np.linalg.norm(cells[hears] - cells[speaks], axis=1)
    by_pixels = rounded(np.linalg.norm(positions[hears] - positions[speaks], axis=1))
    row, column = slide.array_row_column[speaks].T
    order = np.lexsort((column, row, by_pixels, by_cells, hears))
    hears, speaks = hears[order], speaks[order]
    place = np.arange(len(hears)) - np.searchsorted(hears, hears)  # among the candidates of its spot
    return matrix_of_links(hears[place < most], speaks[place < most], len(positions))
