"""Two feature-masked views of one graph: what one view drops is what the other keeps."""

from __future__ import annotations

import torch
from torch import Tensor

from .masks import random_mask
from .network import Features


def two_views(
    features: Features, mask: str, alpha: float, beta: float, generator: torch.Generator
) -> tuple[Features, Features]:
    """Both views of the node features; dropped entries are zero, kept ones are not rescaled.

    Target entries are dropped with probability `alpha`, reference entries with `beta`. `mask` is
    "complementary" (view 2 keeps just what view 1 dropped, so that the two add up to the features), "random"
    (view 2 has a mask of its own) or "none" (both are the features).
    """
    if mask == "none":
        return features, features
    first = _masked(features, alpha, beta, generator)
    if mask == "random":
        return first, _masked(features, alpha, beta, generator)
    return first, Features(features.target - first.target, features.reference - first.reference)


def _masked(features: Features, alpha: float, beta: float, generator: torch.Generator) -> Features:
    def kept(values: Tensor, rate: float) -> Tensor:
        return values * random_mask(values.shape, rate, values.device, generator)

    return Features(kept(features.target, alpha), kept(features.reference, beta))
