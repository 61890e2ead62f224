"""Patches as batches of pixels on the device.

Pixels stay uint8 (n, edge, edge, 3) until a batch is asked for: a quarter of the memory, and a quarter of what
travels to the device.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from stbench.errors import MethodError
from stbench.slide import QuerySlide, TrainingSlide

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def patches_of(slide: TrainingSlide | QuerySlide, edge: int) -> np.ndarray:
    """(n, edge, edge, 3) uint8 patches of a slide; MethodError where it comes without that size."""
    if edge not in slide.patches:
        raise MethodError(
            f"Slide {slide.id} has no patches of {edge} px; the card's needs.patches must name {edge}."
        )
    return slide.patches[edge]


def spot_patches(
    slides: Sequence[TrainingSlide | QuerySlide], edge: int, device: torch.device | str = "cpu"
) -> Tensor:
    """(n spots of all slides, edge, edge, 3) uint8 on the device, slide after slide."""
    return torch.tensor(np.concatenate([patches_of(slide, edge) for slide in slides]), device=device)


def spot_expression(slides: Sequence[TrainingSlide], device: torch.device | str = "cpu") -> Tensor:
    """(n spots of all slides, G) float32 on the device, slide after slide."""
    return torch.tensor(
        np.concatenate([slide.expression for slide in slides]), dtype=torch.float32, device=device
    )


def as_images(patches: Tensor) -> Tensor:
    """(n, edge, edge, 3) uint8 -> (n, 3, edge, edge) float32 from 0 to 255, channels last in memory."""
    return patches.permute(0, 3, 1, 2).float()


def normalised(images: Tensor, mean: Sequence[float] | Tensor, std: Sequence[float] | Tensor) -> Tensor:
    """(images - mean) / std for each channel, all on one scale."""
    centre, spread = (
        torch.as_tensor(value, dtype=images.dtype, device=images.device).view(1, -1, 1, 1)
        for value in (mean, std)
    )
    return (images - centre) / spread


def imagenet_normalised(patches: Tensor) -> Tensor:
    """uint8 patches -> images as ImageNet networks expect them."""
    return normalised(as_images(patches).div_(255), IMAGENET_MEAN, IMAGENET_STD)
