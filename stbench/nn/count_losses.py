"""Likelihoods of raw counts, and the three heads that predict their parameters.

Negative binomial with mean m and dispersion r: Var = m + m^2 / r. `zero` is the probability of an extra zero.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Keeps logarithms and divisions finite where a spot has no counts or a probability reaches 0 or 1.
_TINY = 1e-10
_ZERO_COUNT = 1e-8
_MEAN_RANGE, _DISPERSION_RANGE = (1e-5, 1e6), (1e-4, 1e4)


class CountDistribution(NamedTuple):
    """Parameters of a zero-inflated negative binomial, (n, G) each; the mean is per unit of size factor."""

    mean: Tensor
    dispersion: Tensor
    zero: Tensor


class CountHeads(nn.Module):
    """Three linear maps from a spot's features: exp and softplus within bounds, and a sigmoid."""

    def __init__(self, width: int, genes: int):
        super().__init__()
        self.mean, self.dispersion, self.zero = (nn.Linear(width, genes) for _ in range(3))

    def forward(self, features: Tensor) -> CountDistribution:
        """(n, width) -> parameters (n, G)."""
        return CountDistribution(
            # Bounded before exp: beyond the bounds the gradient is 0, where exp's own may be infinite.
            self.mean(features).clamp(*map(math.log, _MEAN_RANGE)).exp(),
            F.softplus(self.dispersion(features)).clamp(*_DISPERSION_RANGE),
            self.zero(features).sigmoid(),
        )


def negative_binomial(counts: Tensor, mean: Tensor, dispersion: Tensor) -> Tensor:
    """(n, G) negative log-likelihood of each count; mean includes the spot's size factor."""
    r = dispersion + _TINY
    normaliser = torch.lgamma(r) + torch.lgamma(counts + 1) - torch.lgamma(counts + r)
    return (
        normaliser + (r + counts) * torch.log1p(mean / r) + counts * (torch.log(r) - torch.log(mean + _TINY))
    )


def zero_inflated_negative_binomial(
    counts: Tensor, size_factors: Tensor, distribution: CountDistribution
) -> Tensor:
    """Mean negative log-likelihood over spots and genes of raw counts (n, G), size factors (n,).

    A positive count: NB - log(1 - zero). A zero: -log(zero + (1 - zero) (r / (r + m))^r).
    """
    mean = distribution.mean * size_factors[:, None]
    dispersion, zero = distribution.dispersion, distribution.zero
    positive = negative_binomial(counts, mean, dispersion) - torch.log(1 - zero + _TINY)
    none_by_count = torch.pow(dispersion / (dispersion + mean + _TINY), dispersion)
    empty = -torch.log(zero + (1 - zero) * none_by_count + _TINY)
    return torch.where(counts > _ZERO_COUNT, positive, empty).mean()
