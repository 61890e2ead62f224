"""Prediction by retrieval: the measured profiles of the training spots whose embeddings are nearest."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import sparse

from stbench.preprocess.neighbours import top_k

# No spot weighs infinitely, however close.
_LEAST_DISTANCE = 1e-8


class ReferenceBank(NamedTuple):
    """Training spots: embeddings (m, width) and the profiles measured there (m, G)."""

    embeddings: np.ndarray
    profiles: np.ndarray

    def mean_of_nearest(self, query: np.ndarray, k: int) -> np.ndarray:
        """(n, G) plain mean of the k profiles nearest by cosine to each query embedding (n, width)."""
        nearest, _ = top_k(query, self.embeddings, k, metric="cosine")
        return self._averaged(nearest, np.full(nearest.shape, 1 / nearest.shape[1]))

    def inverse_square_mean(self, query: np.ndarray, k: int, order: int = 2) -> np.ndarray:
        """(n, G) mean of the k profiles nearest by cosine, weighted by 1 / distance^2 and normalised.

        The distance is that of the embeddings as they are, L1 or L2 by `order`.
        """
        nearest, _ = top_k(query, self.embeddings, k, metric="cosine")
        return self._averaged(nearest, self.inverse_square_weights(query, nearest, order))

    def inverse_square_weights(self, query: np.ndarray, nearest: np.ndarray, order: int) -> np.ndarray:
        """(n, k) weights of the bank spots `nearest` (n, k), non-negative, rows summing to 1."""
        distances = np.stack(
            [
                np.linalg.norm(self.embeddings[rows] - row, ord=order, axis=1)
                for rows, row in zip(nearest, query, strict=True)
            ]
        )
        weights = np.maximum(distances.astype(np.float64), _LEAST_DISTANCE) ** -2
        return weights / weights.sum(axis=1, keepdims=True)

    def _averaged(self, nearest: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Sum of weights times profiles, clipped to the bank's range, which rounding could leave by a hair."""
        n, k = nearest.shape
        rows = np.repeat(np.arange(n), k)
        mixing = sparse.csr_array((weights.ravel(), (rows, nearest.ravel())), shape=(n, len(self.profiles)))
        mixed = mixing @ self.profiles.astype(np.float64)
        return np.clip(mixed, self.profiles.min(axis=0), self.profiles.max(axis=0))
