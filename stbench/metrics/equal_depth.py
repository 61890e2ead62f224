"""Equal-depth PCC: every spot cut down to the same number of counts before it is scored.

Conventions
    counts_with_rest  (n_spots, n_genes + 1) raw counts of the panel and of the rest, scored spots only
    prediction        (n_spots, n_genes) on the log scale, the same spots
Metrics
    EqualDepthTruth   draws of the truth at equal depth, made once, that score any prediction

T0 is the 10th percentile of the scored spots' totals, rounded down. Every spot with at least T0 counts is
subsampled without replacement to exactly T0; its expression is log(1 + 1e6 c / T0); the score is the mean PCC
of 20 draws. Depth cannot enter by sampling, and composition that follows cell density stays in.
"""

from __future__ import annotations

import numpy as np

from stbench.metrics.averaging import AveragedTruth
from stbench.metrics.correlation import unit_prediction, unit_truth
from stbench.metrics.counts import draw_without_replacement, log_expression

N_DRAWS = 20
PERCENTILE = 10


def common_depth(totals: np.ndarray) -> int:
    """T0: the 10th percentile of `totals` rounded down, 0 where there are no spots."""
    return int(np.percentile(totals, PERCENTILE)) if len(totals) else 0


class EqualDepthTruth:
    """The truth of one slide and panel at equal depth.

    depth  T0;  spots (n_spots,) True where a spot has at least T0 counts
    Where T0 is 0, or under three spots are left, every score is NaN.
    """

    def __init__(self, counts_with_rest: np.ndarray, rng: np.random.Generator, n_draws: int = N_DRAWS):
        totals = counts_with_rest.sum(axis=1)
        self.depth = common_depth(totals)
        self.spots = (totals >= self.depth) & (self.depth >= 1)
        deep = counts_with_rest[self.spots]
        draws = (self._draw(deep, rng) for _ in range(n_draws))
        self._truth = AveragedTruth(draws, len(deep), deep.shape[1] - 1)

    def _draw(self, deep: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        drawn = draw_without_replacement(deep, self.depth, rng)
        return unit_truth(log_expression(drawn[:, :-1], self.depth))

    def unit_prediction(self, prediction: np.ndarray, constant_below: np.ndarray) -> np.ndarray:
        """Unit columns of the prediction for the spots that are deep enough."""
        return unit_prediction(prediction[self.spots], constant_below)

    def per_gene(self, unit_of_deep_spots: np.ndarray) -> np.ndarray:
        """(n_genes,) mean PCC over the draws in which the gene varies, NaN where it never does."""
        return self._truth.per_gene(unit_of_deep_spots)

    def mean(self, unit_of_deep_spots: np.ndarray) -> float:
        """Mean over draws of the mean PCC over genes: the equal-depth PCC."""
        return self._truth.mean(unit_of_deep_spots)
