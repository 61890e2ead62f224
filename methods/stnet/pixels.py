"""How bright the training patches are and how much they vary: what pixels are normalised by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

# One grey level: the spread of patches that are all of one colour, which could not be divided by.
_LEAST_STD = 1 / 255


class PixelStatistics(NamedTuple):
    """Mean and standard deviation of each channel, red, green, blue, on pixels from 0 to 1."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


def pixel_statistics(batches: Iterable[Tensor]) -> PixelStatistics:
    """The statistics of all pixels of all batches (b, edge, edge, 3) of uint8: std = sqrt(E[x^2] - E[x]^2).

    Sums are whole numbers, so that the result depends neither on the order nor on the size of the batches.
    """
    pixels, total, squares = 0, torch.zeros(3, dtype=torch.int64), torch.zeros(3, dtype=torch.int64)
    for patches in batches:
        levels = patches.flatten(0, 2)  # (b edge edge, 3)
        pixels += len(levels)
        total += levels.sum(0, dtype=torch.int64).cpu()
        squares += levels.int().square().sum(0, dtype=torch.int64).cpu()
    mean = total.double() / pixels
    variance = (squares.double() / pixels - mean**2).clamp_min(0)
    return PixelStatistics(
        tuple((mean / 255).tolist()), tuple((variance.sqrt() / 255).clamp_min(_LEAST_STD).tolist())
    )
