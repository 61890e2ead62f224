"""Equal-depth PCC: every spot cut down to the same number of counts before it is scored.

Conventions
    counts_with_rest  (n_spots, n_genes + 1) raw counts of the panel and of the rest, scored spots only
    prediction        (n_spots, n_genes) on the log scale, the same spots
Metrics
    EqualDepthTruth   draws of the truth at equal depth, made once, that score any prediction

T0 is the 10th percentile of the scored spots' totals, rounded down. Every spot with at least T0 counts is
subsampled without replacement to exactly T0; its expression is log(1 + 1e6 c / T0). A gene's score is the mean
over those of 20 draws in which it varies, the slide's the mean of that over genes. Depth cannot enter by
sampling, and composition that follows cell density stays in.
"""

from __future__ import annotations

import numpy as np

from stbench.metrics.averaging import AveragedTruth
from stbench.metrics.correlation import MIN_SPOTS, unit_prediction, unit_truth
from stbench.metrics.counts import Expression, log_expression
from stbench.metrics.subsampling import draws

N_DRAWS = 20
PERCENTILE = 10


def common_depth(totals: np.ndarray) -> int:
    """T0: the 10th percentile of `totals` rounded down, 0 where there are no spots."""
    return int(np.percentile(totals, PERCENTILE)) if len(totals) else 0


class EqualDepthTruth:
    """The truth of one slide and panel at equal depth.

    depth       T0;  spots (n_spots,) True where a spot has at least T0 counts
    varying     (n_genes,) True for the genes that the score is averaged over
    expression  counts and totals -> the target's scale
    Where T0 is 0, or under 20 spots are left, every score is NaN.
    """

    def __init__(
        self,
        counts_with_rest: np.ndarray,
        rng: np.random.Generator,
        n_draws: int = N_DRAWS,
        expression: Expression = log_expression,
    ):
        totals = counts_with_rest.sum(axis=1)
        self.depth = common_depth(totals)
        self.spots = (totals >= self.depth) & (self.depth >= 1)
        deep = counts_with_rest[self.spots]
        drawn = draws(deep, self.depth, rng, n_draws) if len(deep) >= MIN_SPOTS else ()
        units = (unit_truth(expression(counts[:, :-1], counts.sum(axis=1))) for counts in drawn)
        self._truth = AveragedTruth(units, len(deep), deep.shape[1] - 1)
        self.varying = self._truth.varying

    def unit_prediction(self, prediction: np.ndarray, constant_below: np.ndarray) -> np.ndarray:
        """Unit columns of the prediction for the spots that are deep enough."""
        return unit_prediction(prediction[self.spots], constant_below)

    def per_gene(self, unit_of_deep_spots: np.ndarray) -> np.ndarray:
        """(n_genes,) mean PCC over the draws in which the gene varies, NaN where it never does."""
        return self._truth.per_gene(unit_of_deep_spots)

    def mean(self, unit_of_deep_spots: np.ndarray) -> float:
        """Mean of that over genes: the equal-depth PCC."""
        return self._truth.mean(unit_of_deep_spots)
