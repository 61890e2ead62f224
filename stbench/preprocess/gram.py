"""Gram matrices of embeddings: the products that principal components of any set of slides are sums of.

A slide's Gram matrix is that of its embeddings with a column of ones before them, so that it also holds the number of
spots and the sum of each feature: float64, (1 + d, 1 + d), symmetric, of which the lower triangle is kept, row by row.
It is label-free and the same in every trial that trains on the same spots of the slide, while the products take half of
a linear floor's fit. What identifies it are the embeddings themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stbench.preprocess.cache import array_hash, cached_array


class Moments(NamedTuple):
    """Number of spots, mean of each feature (d,), and the centred products (d, d), right in the lower triangle."""

    n_spots: int
    centre: np.ndarray
    scatter: np.ndarray


def gram_of(embeddings: np.ndarray) -> np.ndarray:
    """The Gram matrix of (n, d) embeddings, packed."""
    described = np.ones((len(embeddings), 1 + embeddings.shape[1]))
    described[:, 1:] = embeddings
    return (described.T @ described)[np.tril_indices(described.shape[1])]


def cached_gram(embeddings: np.ndarray) -> np.ndarray:
    """`gram_of` from the cache, mapped from its file."""

    def make(path: Path) -> None:
        with path.open("wb") as file:
            np.save(file, gram_of(embeddings))

    return cached_array("products", {"gram of": array_hash(embeddings), "dtype": "float64"}, make)


def joint_moments(grams: Sequence[np.ndarray], width: int) -> Moments:
    """The moments of all spots of the slides whose packed Gram matrices are given; embeddings are `width` wide."""
    total = np.array(grams[0])
    for gram in grams[1:]:
        total += gram
    square = np.zeros((1 + width, 1 + width))
    square[np.tril_indices(1 + width)] = total
    n_spots, centre = square[0, 0], square[1:, 0] / square[0, 0]
    return Moments(int(n_spots), centre, square[1:, 1:] - n_spots * np.outer(centre, centre))
