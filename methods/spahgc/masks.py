"""Random masks, drawn sixteen bits an entry: several times cheaper than a Bernoulli draw for each."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def random_mask(
    shape: torch.Size, rate: float, device: torch.device, generator: torch.Generator | None = None
) -> Tensor:
    """Boolean mask, False with probability `rate` to the nearest 1 / 65536."""
    count = math.prod(shape)
    words = torch.empty(math.ceil(count / 4), dtype=torch.int64, device=device)
    draws = words.random_(-(2**63), None, generator=generator).view(torch.int16)[:count].view(shape)
    bound = round(rate * 65536) - 32768
    return draws >= bound if bound < 32768 else torch.zeros_like(draws, dtype=torch.bool)


class Dropout(nn.Module):
    """Dropout as in torch, with a mask of this kind."""

    def __init__(self, rate: float):
        super().__init__()
        self.rate = rate

    def forward(self, values: Tensor) -> Tensor:
        if not self.training:
            return values
        return values * (random_mask(values.shape, self.rate, values.device) / (1 - self.rate))
