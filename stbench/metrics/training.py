"""What a metric may know of the training slides.

Conventions
    every array is (n_genes,), on the log scale, over the scored spots of the outer training slides, in the
    order of the panel that is scored
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stbench.metrics.correlation import constancy_threshold

# Size of the two subsets of a panel that are scored on their own.
N_TOP_GENES = 50


@dataclass(frozen=True, eq=False)
class TrainingSummary:
    """Range, mean and standard deviation of every panel gene in training."""

    minimum: np.ndarray
    maximum: np.ndarray
    mean: np.ndarray
    std: np.ndarray

    @classmethod
    def of(cls, log_expression: Sequence[np.ndarray]) -> TrainingSummary:
        """The summary of training slides, each (n_spots, n_genes) on the log scale."""
        spots = np.concatenate([np.asarray(slide, dtype=np.float64) for slide in log_expression])
        return cls(spots.min(axis=0), spots.max(axis=0), spots.mean(axis=0), spots.std(axis=0))

    def covering(self, genes: np.ndarray) -> TrainingSummary:
        """The summary of some genes only, by their mask or indices."""
        return TrainingSummary(self.minimum[genes], self.maximum[genes], self.mean[genes], self.std[genes])

    @property
    def constant_below(self) -> np.ndarray:
        """Standard deviations below which a predicted gene is constant."""
        return constancy_threshold(self.std)

    @property
    def varying(self) -> np.ndarray:
        """True where a gene is not constant in training, hence has a min-max scale."""
        return self.maximum > self.minimum

    @property
    def best_expressed(self) -> np.ndarray:
        """Indices of the 50 genes with the highest mean, ties in panel order."""
        return _highest(self.mean)

    @property
    def most_variable(self) -> np.ndarray:
        """Indices of the 50 genes with the highest standard deviation, ties in panel order."""
        return _highest(self.std)


def _highest(values: np.ndarray) -> np.ndarray:
    return np.argsort(-values, kind="stable")[:N_TOP_GENES]
