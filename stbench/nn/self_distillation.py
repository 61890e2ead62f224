"""Self-distillation of Hist2ST and HGGEP: augmented copies of a slide, and their learned ensemble."""

from __future__ import annotations

import torch
from torch import Tensor

from stbench.nn.augmentation import grey, happens, mirrored, rotated, uniform

GREY_PROBABILITY, MIRROR_PROBABILITY, LARGEST_ANGLE = 0.1, 0.2, 90.0


def augmented_copy(images: Tensor, generator: torch.Generator) -> Tensor:
    """All patches (n, 3, edge, edge) of a slide under one draw: grey with probability 0.1, turned by an angle from
    -90 to 90 degrees (nearest pixel, black corners), mirrored with probability 0.2, in this order."""
    if happens(1, GREY_PROBABILITY, generator).item():
        images = grey(images)
    images = rotated(images, uniform(1, -LARGEST_ANGLE, LARGEST_ANGLE, generator))
    return mirrored(images, happens(1, MIRROR_PROBABILITY, generator))


def weighted_ensemble(predictions: Tensor, logits: Tensor) -> Tensor:
    """(n, G) mean of the K copies' predictions (K, n, G), weighted for each spot by the softmax over copies of
    its logits (K, n)."""
    return (logits.softmax(0).unsqueeze(2) * predictions).sum(0)
