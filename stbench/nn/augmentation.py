"""Augmentations of patches on the device, every draw from a generator.

Images are (n, 3, edge, edge). The eight symmetries are exact; rotations by other angles resample.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

N_SYMMETRIES = 8
# ITU-R 601 luma, which torchvision and Pillow use for grey images.
_LUMA = (0.2989, 0.587, 0.114)


def symmetry(images: Tensor, element: int) -> Tensor:
    """One of the eight symmetries of the square: element % 4 quarter turns, mirrored first from element 4 on."""
    mirrored = images.flip(-1) if element >= 4 else images
    return mirrored.rot90(element % 4, (-2, -1))


def random_symmetries(images: Tensor, generator: torch.Generator) -> Tensor:
    """Each image under a symmetry of its own, all eight equally likely: what independent flips with probability
    1/2 and a uniform quarter turn amount to."""
    elements = torch.randint(N_SYMMETRIES, (len(images),), generator=generator, device=images.device)
    turned = torch.empty_like(images)
    for element in range(N_SYMMETRIES):
        chosen = (elements == element).nonzero().squeeze(1)
        turned[chosen] = symmetry(images[chosen], element)
    return turned


def mirrored(images: Tensor, chosen: Tensor) -> Tensor:
    """Images with left and right exchanged where `chosen` (n,) is true."""
    return torch.where(chosen.view(-1, 1, 1, 1), images.flip(-1), images)


def uniform(n: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    """(n,) draws between low and high, on the generator's device."""
    return torch.rand(n, generator=generator, device=generator.device) * (high - low) + low


def happens(n: int, probability: float, generator: torch.Generator) -> Tensor:
    """(n,) true with that probability each."""
    return torch.rand(n, generator=generator, device=generator.device) < probability


def rotated(images: Tensor, degrees: Tensor, fill: float = 0.0) -> Tensor:
    """Each image turned counter-clockwise about its centre by its own angle, nearest pixel, `fill` outside.

    degrees (n,), or (1,) for one angle that all images share.
    """
    angle = degrees * (math.pi / 180)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    rows = torch.stack([cos, -sin, zero, sin, cos, zero], 1).view(
        -1, 2, 3
    )  # where an output pixel comes from
    with torch.autocast(images.device.type, enabled=False):  # half precision would take other pixels
        grid = F.affine_grid(rows.expand(len(images), 2, 3), list(images.shape), align_corners=False)
        turned = F.grid_sample(images - fill, grid.to(images.dtype), mode="nearest", align_corners=False)
    return turned + fill


def grey(images: Tensor) -> Tensor:
    """The luma of each pixel in all three channels."""
    luma = torch.tensor(_LUMA, dtype=images.dtype, device=images.device).view(1, 3, 1, 1)
    return (images * luma).sum(1, keepdim=True).expand_as(images)


def colour_jittered(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Brightness, contrast and saturation of each image scaled by factors from 1 - strength to 1 + strength.

    Pixels in [0, 1], where they stay. The three follow each other in this order.
    """
    n = len(images)
    factors = uniform(3 * n, max(0.0, 1 - strength), 1 + strength, generator).view(3, n, 1, 1, 1)
    images = (images * factors[0]).clamp(0, 1)
    mean_grey = grey(images).mean((1, 2, 3), keepdim=True)
    images = _blended(images, mean_grey, factors[1])
    return _blended(images, grey(images), factors[2])


def _blended(images: Tensor, towards: Tensor, factor: Tensor) -> Tensor:
    return (factor * images + (1 - factor) * towards).clamp(0, 1)
