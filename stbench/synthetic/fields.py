"""Smooth random fields, the raw material of shapes and textures."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter


def smooth_field(rng: np.random.Generator, edge: int, scale: float) -> np.ndarray:
    """(edge, edge) float32 Gaussian field of mean 0 and variance 1 that varies over about `scale` cells."""
    noise = rng.standard_normal((edge, edge), dtype=np.float32)
    return standardised(gaussian_filter(noise, scale, mode="reflect"))


def standardised(values: np.ndarray) -> np.ndarray:
    """`values` shifted and scaled to mean 0 and variance 1."""
    return (values - values.mean()) / values.std()


def enlarged(field: np.ndarray, edge: int) -> np.ndarray:
    """A square field resampled to (edge, edge) pixels, bilinear."""
    image = Image.fromarray(np.ascontiguousarray(field, dtype=np.float32))
    return np.asarray(image.resize((edge, edge), Image.Resampling.BILINEAR))


def grain(rng: np.random.Generator, edge: int, sizes: tuple[int, ...]) -> np.ndarray:
    """(edge, edge) float32 texture of mean 0 and variance 1: noise at several grain sizes in pixels.

    Sizes ascend and coarser grain is stronger. The sum is made at the finest size, then enlarged.
    """
    finest = -(-edge // sizes[0])
    total = np.zeros((finest, finest), np.float32)
    for size in sizes:
        cells = -(-edge // size)
        noise = rng.standard_normal((cells, cells), dtype=np.float32)
        total += np.sqrt(size) * (enlarged(noise, finest) if cells < finest else noise)
    total = standardised(total)
    return enlarged(total, edge) if finest < edge else total


def tiled(tile: np.ndarray, edge: int) -> np.ndarray:
    """(edge, edge) cut from copies of a small square texture laid side by side."""
    copies = -(-edge // len(tile))
    return np.tile(tile, (copies, copies))[:edge, :edge]
