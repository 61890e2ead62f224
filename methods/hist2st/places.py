"""Positions and neighbours of a slide's spots, as the network takes them."""

from __future__ import annotations

import numpy as np
import torch

from stbench.nn.array_neighbours import neighbours_within
from stbench.nn.grid_embedding import grid_columns_rows
from stbench.slide import QuerySlide, TrainingSlide

from .network import Places


def places_of(
    slide: TrainingSlide | QuerySlide,
    n_positions: int,
    neighbours: int,
    radius: float | None,
    device: torch.device | str = "cpu",
) -> Places:
    """Each spot hears its `neighbours` nearest spots within `radius`, both in array units; itself if there is none.

    MethodError where a spot lies outside the position tables.
    """
    index, kept = neighbours_within(slide, neighbours, radius)
    isolated = ~kept.any(axis=1, keepdims=True)
    own = np.arange(len(index))[:, None]
    index, kept = np.hstack([index, own]), np.hstack([kept, isolated])
    counts = kept.sum(axis=1)
    return Places(
        torch.tensor(grid_columns_rows(slide, n_positions), device=device),
        torch.tensor(index[kept], device=device),
        torch.tensor(counts.cumsum() - counts, device=device),
    )
