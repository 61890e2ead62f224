"""What a metric may know of the training slides.

Conventions
    every array is (n_genes,), over the scored spots of the outer training slides, on the target's scale, in the
    order of the panel that is scored; but `depths`, which says nothing of genes
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stbench.metrics.correlation import constancy_threshold

# Size of the two subsets of a panel that are scored on their own.
N_TOP_GENES = 50
# How many quantiles stand for the totals of all training spots.
N_DEPTHS = 20


@dataclass(frozen=True, eq=False)
class TrainingSummary:
    """Range, mean and standard deviation of every panel gene in training.

    rate    (n_genes,) counts of the gene over counts of all genes, over all training spots together
    depths  (N_DEPTHS,) quantiles of the training spots' totals, each for an equal share of the spots
    Both are None where counts are not known (results of older versions): no deviance is explained then.
    """

    minimum: np.ndarray
    maximum: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    rate: np.ndarray | None = None
    depths: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        expression: Sequence[np.ndarray],
        counts: Sequence[np.ndarray] | None = None,
        totals: Sequence[np.ndarray] | None = None,
    ) -> TrainingSummary:
        """The summary of training slides, scored spots only.

        expression  each (n_spots, n_genes) on the target's scale
        counts      each (n_spots, n_genes) raw counts of the panel;  totals each (n_spots,) over all genes
        """
        spots = np.concatenate([np.asarray(slide, dtype=np.float64) for slide in expression])
        known = spots.min(axis=0), spots.max(axis=0), spots.mean(axis=0), spots.std(axis=0)
        if counts is None or totals is None:
            return cls(*known)
        depths = np.concatenate([np.asarray(slide, dtype=np.float64) for slide in totals])
        rate = sum(slide.sum(axis=0) for slide in counts) / max(depths.sum(), 1.0)
        return cls(*known, rate, np.quantile(depths, (np.arange(N_DEPTHS) + 0.5) / N_DEPTHS))

    def covering(self, genes: np.ndarray) -> TrainingSummary:
        """The summary of some genes only, by their mask or indices."""
        known = self.minimum[genes], self.maximum[genes], self.mean[genes], self.std[genes]
        return TrainingSummary(*known, None if self.rate is None else self.rate[genes], self.depths)

    def arrays(self) -> dict[str, np.ndarray]:
        """All that is known, by name: `TrainingSummary(**arrays)` is the same summary."""
        return {name: array for name, array in vars(self).items() if array is not None}

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
    def most_counted(self) -> np.ndarray:
        """Indices of the 50 genes with the most counts, for targets whose mean says nothing of expression."""
        return self.best_expressed if self.rate is None else _highest(self.rate)

    @property
    def most_variable(self) -> np.ndarray:
        """Indices of the 50 genes with the highest standard deviation, ties in panel order."""
        return _highest(self.std)


def _highest(values: np.ndarray) -> np.ndarray:
    return np.argsort(-values, kind="stable")[:N_TOP_GENES]
