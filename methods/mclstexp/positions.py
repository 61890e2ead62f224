"""Where a spot lies, as indices into the two position tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stbench.errors import MethodError
from stbench.nn.grid_embedding import grid_columns_rows, table_size
from stbench.slide import TrainingSlide

SOURCES = ("grid", "pixels")
# What the released code allots to an axis whatever the platform.
_PIXEL_ENTRIES = 65_536


def entries_needed(slides: Sequence[TrainingSlide], source: str) -> int:
    """Entries of a table that holds every position of the slides' platforms; for pixels a fixed large number."""
    return _PIXEL_ENTRIES if source == "pixels" else max(table_size(slide.platform) for slide in slides)


def table_indices(slide: TrainingSlide, source: str, size: int) -> np.ndarray:
    """(n, 2) int64 column and row of each spot on the array, or its x and y in whole pixels.

    Raises MethodError where a spot lies outside tables of `size` entries.
    """
    if source == "grid":
        return grid_columns_rows(slide, size)
    indices = np.floor(slide.pixel_xy).astype(np.int64)
    if indices.min() < 0 or indices.max() >= size:
        raise MethodError(
            f"Slide {slide.id} has pixel positions from {indices.min()} to {indices.max()}, but the position tables "
            f"hold 0 to {size - 1}; set n_pos to at least {indices.max() + 1}, or positions to grid."
        )
    return indices
