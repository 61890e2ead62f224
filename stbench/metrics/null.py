"""The null: the same scores where no gene carries any signal but depth.

Conventions
    counts_with_rest  (n_spots, n_genes + 1) raw counts of the panel and of the rest, scored spots only
    prediction        (n_spots, n_genes) on the log scale, the same spots
Metrics
    NullTruth         scores of PCC, PCC given depth, equal-depth PCC and gene-gene structure against the null

Counts are redrawn multinomially: every spot keeps its real total and gets the slide's pooled composition.
Each score is the mean over several redraws. On plain PCC the null shows what depth alone gives; on both
depth-aware scores it must lie within 0.01 of 0.
"""

from __future__ import annotations

import numpy as np

from stbench.metrics.averaging import AveragedTruth
from stbench.metrics.correlation import mean_defined, unit_truth
from stbench.metrics.counts import draw_constant, log_expression
from stbench.metrics.depth import DepthSpline
from stbench.metrics.equal_depth import common_depth
from stbench.metrics.structure import GeneStructure

N_REDRAWS = 10


class NullTruth:
    """Redraws of one slide and panel with constant composition, made once, that score any prediction.

    All its scores take unit columns: what correlation, DepthSpline and EqualDepthTruth make of a prediction.
    """

    def __init__(self, counts_with_rest: np.ndarray, rng: np.random.Generator, n_redraws: int = N_REDRAWS):
        totals = counts_with_rest.sum(axis=1)
        shape = len(totals), counts_with_rest.shape[1] - 1
        spline = DepthSpline(totals)
        redraws = [_redraw(counts_with_rest, totals, rng) for _ in range(n_redraws)]
        given_depth = [spline.unit_truth(redraw) for redraw in redraws]
        self._plain = AveragedTruth(map(unit_truth, redraws), *shape)
        self._given_depth = AveragedTruth(given_depth, *shape)
        self._structures = [GeneStructure(residuals) for residuals in given_depth]
        self._equal_depth = _equal_depth_null(counts_with_rest, rng, n_redraws)

    def pcc(self, unit_prediction: np.ndarray) -> float:
        """Null of the mean PCC: what depth alone gives."""
        return self._plain.mean(unit_prediction)

    def pcc_given_depth(self, unit_residuals: np.ndarray) -> float:
        """Null of the mean PCC given depth: near 0."""
        return self._given_depth.mean(unit_residuals)

    def pcc_equal_depth(self, unit_of_deep_spots: np.ndarray) -> float:
        """Null of the mean equal-depth PCC: near 0."""
        return self._equal_depth.mean(unit_of_deep_spots)

    def structure(self, unit_residuals: np.ndarray) -> float:
        """Null of the gene-gene structure."""
        correlations = unit_residuals.T @ unit_residuals
        return mean_defined(np.array([s.score(correlations) for s in self._structures]))


def _redraw(counts_with_rest: np.ndarray, totals: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return log_expression(draw_constant(counts_with_rest, totals, rng)[:, :-1], totals)


def _equal_depth_null(
    counts_with_rest: np.ndarray, rng: np.random.Generator, n_redraws: int
) -> AveragedTruth:
    """A multinomial subsampled without replacement is a multinomial again, hence drawn at T0 right away."""
    totals = counts_with_rest.sum(axis=1)
    depth = common_depth(totals)
    n_spots = int((totals >= depth).sum()) if depth >= 1 else 0
    at_depth = np.full(n_spots, depth)
    redraws = (unit_truth(_redraw(counts_with_rest, at_depth, rng)) for _ in range(n_redraws))
    return AveragedTruth(redraws, n_spots, counts_with_rest.shape[1] - 1)
