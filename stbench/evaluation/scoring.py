"""Scores of one test slide: ties the metrics to a slide's truth.

A SlideScorer prepares once per (slide, panel) all that does not depend on a prediction: the truth on the target's
scale, equal-depth draws, exchanged profiles, the spline, the ceilings. It then scores any number of predictions.
Only scored spots count; nothing is ever pooled over slides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np

from stbench.evaluation.targets import Target, target_expression
from stbench.files import hash_value
from stbench.metrics import METRICS, PER_GENE, ceiling, correlation
from stbench.metrics.calibration import calibration
from stbench.metrics.clustering import agreement
from stbench.metrics.correlation import mean_defined, median_defined, product, unit_prediction, unit_truth
from stbench.metrics.counts import Expression, with_rest
from stbench.metrics.depth import DepthSpline
from stbench.metrics.deviance import deviance_explained
from stbench.metrics.equal_depth import EqualDepthTruth
from stbench.metrics.error import centred, mae, minmax_scaled, rmse
from stbench.metrics.null import ExchangedTruth
from stbench.metrics.prediction import check_prediction
from stbench.metrics.structure import GeneStructure
from stbench.metrics.training import TrainingSummary
from stbench.record import SlideScores, SlideTruth


class SlideScorer:
    """Scores predictions for one slide and panel.

    unlabelled     annotation values that mean "no label"; tumour_labels those that count as tumour
    seed           with the slide's id and genes, fixes every random draw: the same scorer, the same scores
    target         the scale of truth and predictions. Draws, exchanges and thinned halves are on it too. `rmse_log` and
                   `deviance_explained` are defined for logcpm alone
    Every score needs 20 spots that enter it.
    Raises DatasetError where the truth's counts contradict its totals.
    """

    def __init__(
        self,
        truth: SlideTruth,
        unlabelled: tuple[str, ...] = ("undetermined",),
        tumour_labels: tuple[str, ...] = (),
        seed: int = 0,
        target: Target = "logcpm",
    ):
        self.truth = truth
        self.target: Target = target
        self._label_kinds = unlabelled, tumour_labels
        counts = with_rest(truth.counts[truth.scored], truth.totals[truth.scored])
        self.n_scored = len(counts)
        if self._scorable:
            self._prepare(counts, _generators(truth, seed))

    @property
    def _scorable(self) -> bool:
        return self.n_scored >= correlation.MIN_SPOTS and len(self.truth.genes) > 0

    def _prepare(self, counts: np.ndarray, rngs: Sequence[np.random.Generator]) -> None:
        """All that no prediction changes; counts (n_scored, n_genes + 1) with the rest."""
        expression = partial(target_expression, self.target)
        places = self.truth.array_row_column[self.truth.scored]
        self._counts, self._totals = counts[:, :-1], counts.sum(axis=1)
        self._expression = expression(self._counts, self._totals)
        self._detection = (self._counts > 0).mean(axis=0)
        self._unit = unit_truth(self._expression)
        self._spline = DepthSpline(self._totals)
        self._given_depth = self._spline.unit_truth(self._expression)
        self._structure = GeneStructure(self._given_depth)
        self._equal_depth = EqualDepthTruth(counts, rngs[0], expression=expression)
        self._null = ExchangedTruth(self._expression, self._totals, places, rngs[1])
        self._ceilings(counts, rngs[2:], expression)

    def _ceilings(
        self, counts: np.ndarray, rngs: Sequence[np.random.Generator], expression: Expression
    ) -> None:
        scored, deep_scored = correlation.is_defined(self._unit), self._equal_depth.varying
        reliability = ceiling.reliability(counts, rngs[0], expression=expression)
        pairs = ceiling.reliability_at_depth(counts, rngs[1], expression=expression)
        self._ceiling_per_gene = ceiling.ceiling_per_gene(reliability, scored)
        self._ceiling_scores = {
            "ceiling": mean_defined(self._ceiling_per_gene),
            "ceiling_equal_depth": ceiling.ceiling_equal_depth(pairs, deep_scored),
            "ceiling_equal_depth_error": ceiling.ceiling_equal_depth_error(pairs, deep_scored),
            "t0": float(self._equal_depth.depth or math.nan),
        }

    def score(self, predicted: np.ndarray, training: TrainingSummary) -> SlideScores:
        """Every score of a prediction (n_spots, n_genes) on the target's scale; None where a score is undefined.

        Raises MethodError for a wrong shape or values that are not finite.
        """
        truth = self.truth
        prediction = check_prediction(predicted, len(truth.spot_ids), len(truth.genes))[truth.scored]
        scores, per_gene = self._all_scores(prediction, training) if self._scorable else ({}, {})
        undefined = np.full(len(truth.genes), math.nan)
        return SlideScores(
            slide=truth.slide,
            patient=truth.patient,
            n_spots=len(truth.spot_ids),
            n_scored=self.n_scored,
            scores={m.name: _plain(scores.get(m.name, math.nan)) for m in METRICS},
            genes=truth.genes,
            per_gene={m.name: _column(per_gene.get(m.name, undefined)) for m in PER_GENE},
        )

    def _all_scores(
        self, prediction: np.ndarray, training: TrainingSummary
    ) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        scores, per_gene = self._depth_scores(prediction, training.constant_below)
        scores |= _panel_summaries(per_gene["pcc"], training, self.target)
        scores |= self._errors(prediction, training)
        return scores | self._other_scores(prediction, training.constant_below), per_gene

    def _depth_scores(
        self, prediction: np.ndarray, constant_below: np.ndarray
    ) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """Correlations and structure with null and ceilings: of the slide, and per gene."""
        unit = unit_prediction(prediction, constant_below)
        residuals = self._spline.unit_prediction(prediction, constant_below)
        deep = self._equal_depth.unit_prediction(prediction, constant_below)
        per_gene = {
            "pcc": product(self._unit, unit),
            "pcc_given_depth": product(self._given_depth, residuals),
            "pcc_equal_depth": self._equal_depth.per_gene(deep),
            "pcc_null": self._null.pcc_per_gene(unit),
            "ceiling": self._ceiling_per_gene,
            "detection": self._detection,
        }
        scores = {
            "pcc": mean_defined(per_gene["pcc"]),
            "pcc_null": mean_defined(per_gene["pcc_null"]),
            "pcc_given_depth": mean_defined(per_gene["pcc_given_depth"]),
            "pcc_equal_depth": self._equal_depth.mean(deep),
            **self._ceiling_scores,
            "structure": self._structure.score(residuals.T @ residuals),
            "structure_null": self._null.structure(residuals),
        }
        return scores, per_gene

    def _errors(self, prediction: np.ndarray, training: TrainingSummary) -> dict[str, float]:
        kept = training.varying
        pair = self._expression[:, kept], prediction[:, kept]
        scaled = [minmax_scaled(side, training.minimum[kept], training.maximum[kept]) for side in pair]
        errors = {"rmse": rmse(*scaled), "rmse_centred": rmse(*map(centred, scaled)), "mae": mae(*pair)}
        if self.target != "logcpm":
            return errors
        explained = deviance_explained(self._counts, self._totals, prediction, training)
        return {**errors, "rmse_log": rmse(*pair), "deviance_explained": explained}

    def _other_scores(self, prediction: np.ndarray, constant_below: np.ndarray) -> dict[str, float]:
        calibrated = calibration(self._expression, prediction, constant_below)
        varying = correlation.varies(prediction, constant_below)
        annotation = self.truth.annotation
        labels = None if annotation is None else np.asarray(annotation)[self.truth.scored]
        clusters = agreement(prediction[:, varying], labels, *self._label_kinds, correlation.MIN_SPOTS)
        return {
            "spearman": mean_defined(
                correlation.spearman_per_gene(self._expression, prediction, constant_below)
            ),
            "pcc_spot": mean_defined(correlation.pearson_per_spot(self._expression, prediction)),
            "variance_ratio": median_defined(calibrated.variance_ratio),
            "r_squared": median_defined(calibrated.r_squared),
            "slope": median_defined(calibrated.slope),
            "n_constant_prediction": float((~varying).sum()),
            **clusters._asdict(),
        }


def _panel_summaries(pcc: np.ndarray, training: TrainingSummary, target: Target) -> dict[str, float]:
    """Of the PCC per gene: median, means over the two subsets, and how many genes are undefined."""
    expressed = training.best_expressed if target == "logcpm" else training.most_counted
    return {
        "pcc_median": median_defined(pcc),
        "pcc_top50_expressed": mean_defined(pcc[expressed]),
        "pcc_top50_variable": mean_defined(pcc[training.most_variable]),
        "n_constant_truth": float(np.isnan(pcc).sum()),
    }


def _generators(truth: SlideTruth, seed: int) -> list[np.random.Generator]:
    """Four independent generators that only seed, slide and genes decide."""
    entropy = int(hash_value({"seed": seed, "slide": truth.slide, "genes": list(truth.genes)}), 16)
    return [np.random.default_rng(child) for child in np.random.SeedSequence(entropy).spawn(4)]


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _column(values: np.ndarray) -> tuple[float | None, ...]:
    return tuple(_plain(float(f"{value:.6g}")) for value in values)
