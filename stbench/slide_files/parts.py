"""The pieces that a slide is joined from, each with the file it was read from, so that errors can name it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import sparse

from stbench.errors import DatasetError


class CountMatrix(NamedTuple):
    """Raw counts: `counts` is (spots, genes) int32, sparse."""

    file: Path
    spot_ids: tuple[str, ...]
    genes: tuple[str, ...]
    counts: sparse.csr_matrix


class SpotPositions(NamedTuple):
    """Where the spots under tissue lie.

    array_row_column    (n, 2) whole numbers, row then column
    pixel_xy            (n, 2) spot centres in pixels, x then y
    n_outside_tissue    further spots that the provider marks as not under tissue
    """

    file: Path
    spot_ids: tuple[str, ...]
    array_row_column: np.ndarray
    pixel_xy: np.ndarray
    n_outside_tissue: int = 0

    def scaled(self, factor: float) -> SpotPositions:
        """The positions on an image of `factor` times the size."""
        return self._replace(pixel_xy=self.pixel_xy * factor)


class SpotLabels(NamedTuple):
    """A pathologist's label by spot id."""

    file: Path
    by_spot: Mapping[str, str]


def whole_counts(counts: sparse.spmatrix, file: Path) -> sparse.csr_matrix:
    """The counts as int32 (spots, genes); DatasetError where they are negative, fractional or huge."""
    matrix = sparse.csr_matrix(counts)
    if wrong := problem_of_counts(matrix.data):
        raise DatasetError(
            f"{file} holds counts that are {wrong}; raw counts, whole numbers from 0, are needed."
        )
    return sparse.csr_matrix(matrix, dtype=np.int32)


def problem_of_counts(values: np.ndarray) -> str:
    """What keeps the values from being counts, in words; "" where they are whole numbers from 0."""
    if values.size == 0 or values.dtype == bool:
        return ""
    if values.dtype.kind not in "iuf":
        return f"no numbers but {values.dtype}"
    if not np.isfinite(values).all():
        return "missing"
    if values.min() < 0:
        return "negative"
    if values.dtype.kind == "f" and (values % 1 != 0).any():
        return f"no whole numbers ({values[values % 1 != 0][0]:g}, say)"
    return f"beyond {np.iinfo(np.int32).max}" if values.max() > np.iinfo(np.int32).max else ""
