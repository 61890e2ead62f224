"""Bins over a picture, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from stbench.slide_files.pseudo_spots import BinGrid, count_molecules, sum_cells

# 50 x 30 um in bins of 10 um: 3 rows of 5, and 9 um to the right and 4 um below that fill no bin.
GRID = BinGrid.over(59.0, 34.0, 10.0)
PLACES = np.array([[3.0, 4], [9.9, 9.9], [10, 0], [47, 25], [55, 5], [12, 31], [-0.1, 5]])
GENES = np.array([0, 1, 1, 0, 0, 0, 0])


def test_only_whole_bins_lie_over_a_picture():
    assert (GRID.rows, GRID.columns, GRID.n_bins) == (3, 5, 15)
    assert BinGrid.over(6000 * 0.25, 0.1 * 30, 0.1).rows == 30  # 0.1 * 30 / 0.1 is a little more than 30
    assert BinGrid.over(0.3 * 3, 1, 0.3).columns == 3  # and this a little less than 3


def test_a_place_on_an_edge_belongs_to_the_bin_that_begins_there():
    assert GRID.bin_of(PLACES).tolist() == [0, 0, 1, 14, -1, -1, -1]


def test_bins_have_rows_columns_and_centres():
    bins = np.array([0, 6, 14])
    assert GRID.row_column(bins).tolist() == [[0, 0], [1, 1], [2, 4]]
    assert GRID.centres(bins).tolist() == [[5, 5], [15, 15], [45, 25]]


@pytest.mark.parametrize("n_batches", [1, 3])
def test_molecules_are_counted_by_bin_and_gene(n_batches: int):
    batches = zip(np.array_split(PLACES, n_batches), np.array_split(GENES, n_batches), strict=True)
    spots = count_molecules(GRID, batches, n_genes=3)
    assert spots.bins.tolist() == [0, 1, 14]
    assert spots.counts.toarray().tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    assert spots.counts.dtype == np.int32
    assert (spots.n_counted, spots.n_outside) == (4, 3)


def test_cells_of_a_bin_are_summed():
    cells = sparse.csr_matrix([[2, 0], [3, 1], [0, 7], [0, 0], [5, 5], [5, 5], [5, 5]])
    spots = sum_cells(GRID, PLACES, cells)
    assert spots.bins.tolist() == [0, 1], "a bin whose cells count nothing is no spot"
    assert spots.counts.toarray().tolist() == [[5, 1], [0, 7]]
    assert (spots.n_counted, spots.n_outside) == (4, 3)


def test_nothing_inside_gives_no_spots():
    assert count_molecules(GRID, [(PLACES[4:], GENES[4:])], 2).counts.shape == (0, 2)
    assert count_molecules(GRID, [], 2).bins.tolist() == []
