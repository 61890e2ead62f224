"""Learned embeddings of where a spot lies on the array."""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from stbench.errors import MethodError
from stbench.slide import QuerySlide, TrainingSlide

# Rows and columns that a platform's arrays have at most; 128 holds a Visium array (78 rows, 128 columns).
_ROWS_PER_AXIS = {"ST": 64}
_ROWS_ELSEWHERE = 128


def table_size(platform: str) -> int:
    """Entries that an embedding table needs for one axis of the platform's array: never read off the data."""
    return _ROWS_PER_AXIS.get(platform, _ROWS_ELSEWHERE)


def grid_columns_rows(slide: TrainingSlide | QuerySlide, size: int) -> np.ndarray:
    """(n, 2) int64 array column (x) and row (y) of each spot, as indices into tables of `size` entries.

    Raises MethodError where a spot lies outside the tables.
    """
    indices = np.rint(np.asarray(slide.array_row_column, dtype=np.float64)[:, ::-1]).astype(np.int64)
    least, most = indices.min(initial=0), indices.max(initial=0)
    if least < 0 or most >= size:
        remedy = (
            f"set n_pos to at least {most + 1}"
            if least >= 0
            else "array rows and columns must start at 0 or above"
        )
        raise MethodError(
            f"Slide {slide.id} has array positions from {least} to {most}, but the position tables hold 0 to "
            f"{size - 1}; {remedy}."
        )
    return indices


class GridEmbedding(nn.Module):
    """One table for columns and one for rows; entries start as draws from N(0, `std`)."""

    def __init__(self, size: int, width: int, std: float = 1.0):
        super().__init__()
        self.column, self.row = nn.Embedding(size, width), nn.Embedding(size, width)
        for table in (self.column, self.row):
            nn.init.normal_(table.weight, std=std)

    def forward(self, columns_rows: Tensor) -> tuple[Tensor, Tensor]:
        """(..., 2) indices -> embeddings of the column and of the row, (..., width) each."""
        return self.column(columns_rows[..., 0]), self.row(columns_rows[..., 1])
