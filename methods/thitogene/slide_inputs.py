"""What the network sees of a slide: patches, places in the position tables, nearest spots."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from stbench.nn.grid_embedding import grid_columns_rows
from stbench.nn.spot_patches import spot_patches
from stbench.preprocess.neighbours import spatial_neighbours
from stbench.slide import QuerySlide, TrainingSlide


class SlideInputs(NamedTuple):
    """patches (n, e, e, 3) uint8, columns and rows (n, 2), neighbours (n, K) of one slide, on one device."""

    patches: Tensor
    columns_rows: Tensor
    neighbours: Tensor


def slide_inputs(
    slide: TrainingSlide | QuerySlide,
    patch_pixels: int,
    positions: int,
    k: int,
    self_loop: bool,
    device: torch.device,
) -> SlideInputs:
    """Tensors of a slide; places beyond the tables take the nearest entry.

    MethodError for a slide without patches of `patch_pixels`.
    """
    return SlideInputs(
        spot_patches([slide], patch_pixels, device),
        torch.tensor(grid_columns_rows(_clamped(slide, positions), positions), device=device),
        torch.tensor(neighbour_lists(slide, k, self_loop), device=device),
    )


def neighbour_lists(slide: TrainingSlide | QuerySlide, k: int, self_loop: bool) -> np.ndarray:
    """(n, K) the `k` nearest other spots in array units, fewer where the slide has fewer, and the spot itself last
    if `self_loop`."""
    nearest = spatial_neighbours(slide.array_row_column, slide.array_row_column, k)
    return np.column_stack([nearest, np.arange(slide.n_spots)]) if self_loop else nearest


def beyond_tables(slide: TrainingSlide | QuerySlide, positions: int) -> str:
    """A sentence on the spots that lie beyond position tables of that size, "" where there are none."""
    moved = (_clamped(slide, positions).array_row_column != slide.array_row_column).any(axis=1).sum()
    if not moved:
        return ""
    return (
        f"{moved} spots of slide {slide.id} lie beyond the position tables (0 to {positions - 1}) "
        "and take the nearest entry"
    )


def _clamped(slide: TrainingSlide | QuerySlide, positions: int) -> TrainingSlide | QuerySlide:
    return dataclasses.replace(slide, array_row_column=np.clip(slide.array_row_column, 0, positions - 1))
