"""Molecules or cells at places of a picture become spots: square bins, each with what lies in it.

A platform that places single molecules (Xenium, CosMx, MERSCOPE) has no spots. Bins of a stated edge are laid over the
picture from its upper left corner, so that a bin is the tissue that a patch of the same size shows.

Places are in microns on the picture, (m, 2), x then y. Bins are numbered row by row.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy import sparse

_ROUNDING = 1e-9  # of a bin; an edge of 30 bins of 50 um must not come out as 29.999


class BinGrid(NamedTuple):
    """Bins of `microns` edge; what is left at the right and lower edge of the picture makes no bin."""

    microns: float
    rows: int
    columns: int

    @classmethod
    def over(cls, width: float, height: float, microns: float) -> BinGrid:
        """The bins over a picture of that size in microns."""
        rows, columns = (int(edge / microns + _ROUNDING) for edge in (height, width))
        return cls(microns, rows, columns)

    @property
    def n_bins(self) -> int:
        return self.rows * self.columns

    def bin_of(self, places: np.ndarray) -> np.ndarray:
        """(m,) bin that each place lies in, -1 outside of all; an upper or left edge belongs to its bin."""
        column, row = np.floor(places / self.microns).astype(np.int64).T
        inside = (row >= 0) & (row < self.rows) & (column >= 0) & (column < self.columns)
        return np.where(inside, row * self.columns + column, -1)

    def row_column(self, bins: np.ndarray) -> np.ndarray:
        """(n, 2) row and column of bins."""
        return np.stack(np.divmod(bins, self.columns), axis=1)

    def centres(self, bins: np.ndarray) -> np.ndarray:
        """(n, 2) middle of bins in microns, x then y."""
        return (self.row_column(bins)[:, ::-1] + 0.5) * self.microns


class PseudoSpots(NamedTuple):
    """The bins in which anything was counted.

    bins       (n,) their numbers
    counts     (n, genes) int32
    n_counted  molecules or cells within the bins
    n_outside  those outside of all bins
    """

    bins: np.ndarray
    counts: sparse.csr_matrix
    n_counted: int
    n_outside: int


def count_molecules(
    grid: BinGrid, batches: Iterable[tuple[np.ndarray, np.ndarray]], n_genes: int
) -> PseudoSpots:
    """Molecules counted by bin and gene; each batch is their places and genes (m,), as indices."""
    total = sparse.csr_matrix((grid.n_bins, n_genes), dtype=np.int32)
    counted = outside = 0
    for places, genes in batches:
        bins = grid.bin_of(places)
        inside = bins >= 0
        ones = np.ones(int(inside.sum()), dtype=np.int32)
        total = total + sparse.csr_matrix((ones, (bins[inside], genes[inside])), shape=total.shape)
        counted, outside = counted + len(ones), outside + len(bins) - len(ones)
    return _with_counts(total, counted, outside)


def sum_cells(grid: BinGrid, places: np.ndarray, counts: sparse.csr_matrix) -> PseudoSpots:
    """Counts (cells, genes) of the cells whose places lie in a bin, summed."""
    bins = grid.bin_of(places)
    inside = np.flatnonzero(bins >= 0)
    ones = np.ones(len(inside), dtype=np.int32)
    membership = sparse.csr_matrix((ones, (bins[inside], inside)), shape=(grid.n_bins, len(bins)))
    return _with_counts(membership @ counts, len(inside), len(bins) - len(inside))


def _with_counts(total: sparse.csr_matrix, counted: int, outside: int) -> PseudoSpots:
    """Bins without a count are glass, or as good as glass: they are no spots."""
    bins = np.flatnonzero(np.asarray(total.sum(axis=1)).ravel())
    return PseudoSpots(bins, sparse.csr_matrix(total[bins], dtype=np.int32), counted, outside)
