"""A slide that predictions of an inner fit are judged on: three correlations, so that any of them can be tuned on."""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np

from stbench.evaluation.targets import Target, target_expression
from stbench.files import hash_value
from stbench.metrics.correlation import is_defined, mean_defined, product, unit_prediction, unit_truth
from stbench.metrics.counts import with_rest
from stbench.metrics.depth import DepthSpline
from stbench.metrics.equal_depth import EqualDepthTruth
from stbench.metrics.prediction import check_prediction

TuneOn = Literal["pcc", "pcc-equal-depth", "pcc-given-depth"]
# What a curve holds, by the word of --tune-on.
SCORES: dict[TuneOn, str] = {
    "pcc": "pcc",
    "pcc-equal-depth": "pcc_equal_depth",
    "pcc-given-depth": "pcc_given_depth",
}


class ValidationSlide:
    """One slide's truth over a gene panel.

    counts  (n_spots, G) raw counts over the panel;  totals (n_spots,);  scored (n_spots,) which spots count
    name    with the panel fixes the draws at equal depth: the same slide and genes, the same scores
    target  the scale of truth and predictions; counts drawn at equal depth are moved to it too
    """

    def __init__(
        self,
        name: str,
        genes: tuple[str, ...],
        counts: np.ndarray,
        totals: np.ndarray,
        scored: np.ndarray,
        target: Target = "logcpm",
    ):
        self.scored, self.n_genes = scored, len(genes)
        kept = with_rest(counts[scored], totals[scored])
        expression = partial(target_expression, target)
        truth = expression(kept[:, :-1], totals[scored])
        self._unit = unit_truth(truth)
        self.judgeable = bool(is_defined(self._unit).any())
        if self.judgeable:
            self._spline = DepthSpline(totals[scored])
            self._given_depth = self._spline.unit_truth(truth)
            entropy = int(hash_value({"slide": name, "genes": list(genes)}), 16)
            self._equal_depth = EqualDepthTruth(kept, np.random.default_rng(entropy), expression=expression)

    def scores(self, prediction: np.ndarray, constant_below: np.ndarray) -> dict[str, float]:
        """The three correlations of a prediction (n_spots, G) on the target's scale; NaN where one is undefined.

        To be asked only where the slide is judgeable. MethodError for a wrong shape or values that are not finite.
        """
        checked = check_prediction(prediction, len(self.scored), self.n_genes)[self.scored]
        plain = unit_prediction(checked, constant_below)
        residuals = self._spline.unit_prediction(checked, constant_below)
        deep = self._equal_depth.unit_prediction(checked, constant_below)
        return {
            "pcc": mean_defined(product(self._unit, plain)),
            "pcc_given_depth": mean_defined(product(self._given_depth, residuals)),
            "pcc_equal_depth": self._equal_depth.mean(deep),
        }
