"""The correlations inside parts of a slide: what of a slide's score is more than one region against another.

Conventions
    counts_with_rest  (n_spots, n_genes + 1) raw counts of the panel and of the rest, scored spots of one slide
    regions           name -> (n_spots,) True where a spot lies in it; a spot may lie in none
    prediction        (n_spots, n_genes) on the target's scale, the same spots
Metrics
    TruthWithin.scores  plain PCC, its null, PCC given depth and equal-depth PCC of each region

All four are those of the whole slide with every other spot left out: genes are centred within the region, the spline
of depth is fitted there, profiles are exchanged among the region's own spots. Equal depth is the slide's, not the
region's, so that the score stands beside the slide's own: T0 and the draws are those of all its spots. Each needs 20
spots of the region that enter it, else it is NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from stbench.metrics.averaging import AveragedTruth
from stbench.metrics.correlation import MIN_SPOTS, mean_defined, product, unit_prediction, unit_truth
from stbench.metrics.counts import Expression, log_expression
from stbench.metrics.depth import DepthSpline
from stbench.metrics.equal_depth import N_DRAWS, common_depth
from stbench.metrics.null import N_EXCHANGES, cycles, depth_windows
from stbench.metrics.subsampling import draws


class RegionScores(NamedTuple):
    """The scores of one region; NaN where one is undefined."""

    pcc: float
    pcc_null: float
    pcc_given_depth: float
    pcc_equal_depth: float


UNDEFINED = RegionScores(*[float("nan")] * 4)


class TruthWithin:
    """The truth of one slide and panel region by region, prepared once, that scores any prediction."""

    def __init__(
        self,
        counts_with_rest: np.ndarray,
        array_row_column: np.ndarray,
        regions: Mapping[str, np.ndarray],
        rng: np.random.Generator,
        expression: Expression = log_expression,
    ):
        totals = counts_with_rest.sum(axis=1)
        measured = expression(counts_with_rest[:, :-1], totals)
        depth = common_depth(totals)
        deep = (totals >= depth) & (depth >= 1)
        self._regions = {
            name: _Region(inside, measured[inside], totals[inside], array_row_column[inside], deep, rng)
            for name, inside in regions.items()
        }
        if not any(region.is_deep for region in self._regions.values()):
            return
        for drawn in draws(counts_with_rest[deep], depth, rng, N_DRAWS):
            values = expression(drawn[:, :-1], drawn.sum(axis=1))
            for region in self._regions.values():
                region.add_draw(values)

    def scores(self, prediction: np.ndarray, constant_below: np.ndarray) -> dict[str, RegionScores]:
        """Region -> its scores; a gene predicted as a constant within a region scores 0 there."""
        return {name: region.scores(prediction, constant_below) for name, region in self._regions.items()}


class _Region:
    """One region: `inside` of all spots it has, `deep` of all spots have the slide's T0 counts."""

    def __init__(
        self,
        inside: np.ndarray,
        measured: np.ndarray,
        totals: np.ndarray,
        places: np.ndarray,
        deep: np.ndarray,
        rng: np.random.Generator,
    ):
        self._inside, self._deep = inside, inside & deep
        # Of the deep spots, in their order, those that lie here.
        self._of_deep = inside[deep]
        self.is_deep = int(self._deep.sum()) >= MIN_SPOTS
        self._unit, self._spline = unit_truth(measured), DepthSpline(totals)
        self._given_depth = self._spline.unit_truth(measured)
        windows = depth_windows(totals, places)
        exchanged = (self._unit[cycles(windows, rng)] for _ in range(N_EXCHANGES))
        self._null = AveragedTruth(exchanged, *measured.shape)
        self._equal_depth = AveragedTruth((), int(self._deep.sum()), measured.shape[1])

    def add_draw(self, values: np.ndarray) -> None:
        """One more draw of the slide's deep spots at equal depth."""
        if self.is_deep:
            self._equal_depth.add(unit_truth(values[self._of_deep]))

    def scores(self, prediction: np.ndarray, constant_below: np.ndarray) -> RegionScores:
        here = prediction[self._inside]
        if len(here) < MIN_SPOTS:
            return UNDEFINED
        unit = unit_prediction(here, constant_below)
        deep = unit_prediction(prediction[self._deep], constant_below)
        return RegionScores(
            pcc=mean_defined(product(self._unit, unit)),
            pcc_null=self._null.mean(unit),
            pcc_given_depth=mean_defined(
                product(self._given_depth, self._spline.unit_prediction(here, constant_below))
            ),
            pcc_equal_depth=self._equal_depth.mean(deep) if self.is_deep else float("nan"),
        )
