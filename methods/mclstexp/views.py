"""Training patches as the network sees them: pixels in [0, 1], neither centred nor scaled, augmented."""

from __future__ import annotations

import torch
from torch import Tensor

from stbench.nn.augmentation import colour_jittered, happens, mirrored, random_symmetries, rotated, uniform
from stbench.nn.spot_patches import as_images

# "platform" stands for jitter on the ST platform and for symmetries elsewhere.
AUGMENTATIONS = ("platform", "jitter", "symmetries", "none")
_JITTER = 0.5


def unit_images(patches: Tensor) -> Tensor:
    """(n, edge, edge, 3) uint8 -> (n, 3, edge, edge) in [0, 1]."""
    return as_images(patches).div_(255)


def augmented(images: Tensor, augmentation: str, generator: torch.Generator) -> Tensor:
    """Images (n, 3, edge, edge) in [0, 1], each changed by draws of its own.

    jitter      brightness, contrast and saturation by up to a half, mirrored or not, turned by any angle with black
                corners
    symmetries  flips and quarter turns
    """
    n = len(images)
    if augmentation == "jitter":
        images = colour_jittered(images, _JITTER, generator)
        images = mirrored(images, happens(n, 0.5, generator))
        return rotated(images, uniform(n, -180, 180, generator))
    return random_symmetries(images, generator) if augmentation == "symmetries" else images
