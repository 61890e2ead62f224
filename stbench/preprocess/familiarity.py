"""How far a slide's image lies from the slides that a model was trained on, by the means of their embeddings.

The distance of two slides is the root mean square, over the features of the encoder, of the difference of their means
in spreads (standard deviations) of the training slide: 0 for the same slide, 1 where the means differ as far as
spots of one slide do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# Features that do not vary on a slide say nothing of distances in its spreads.
_LEAST_SPREAD = 1e-6


class SlideSummaries(NamedTuple):
    """Mean and standard deviation of each slide's embeddings, (slides, d) each."""

    means: np.ndarray
    spreads: np.ndarray

    @classmethod
    def of(cls, embeddings: Sequence[np.ndarray]) -> SlideSummaries:
        """Of the embeddings (n_spots, d) of each slide."""
        means = np.stack([np.mean(found, axis=0, dtype=np.float64) for found in embeddings])
        return cls(means, np.stack([np.std(found, axis=0, dtype=np.float64) for found in embeddings]))

    def distances(self, mean: np.ndarray) -> np.ndarray:
        """(slides,) distance of a mean embedding (d,) from each slide."""
        varies = self.spreads > _LEAST_SPREAD
        apart = np.divide(mean - self.means, self.spreads, out=np.zeros_like(self.means), where=varies)
        return np.sqrt(np.square(apart).sum(axis=1) / np.maximum(varies.sum(axis=1), 1))

    def reach(self) -> float | None:
        """The largest distance of one of the slides from the nearest other; None with a single slide."""
        if len(self.means) < 2:
            return None
        others = [np.delete(self.distances(mean), i).min() for i, mean in enumerate(self.means)]
        return float(max(others))
