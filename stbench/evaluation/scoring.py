"""Scores of one test slide: ties the metrics to a slide's truth.

A SlideScorer prepares once per (slide, panel) all that does not depend on a prediction: the truth on the log
scale, equal-depth draws, null redraws, the spline, the ceiling. It then scores any number of predictions.
Only scored spots count; nothing is ever pooled over slides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from stbench.files import hash_value
from stbench.metrics import METRICS, PER_GENE, ceiling, correlation
from stbench.metrics.calibration import calibration
from stbench.metrics.clustering import agreement
from stbench.metrics.correlation import mean_defined, median_defined, product, unit_prediction, unit_truth
from stbench.metrics.counts import log_expression, with_rest
from stbench.metrics.depth import DepthSpline
from stbench.metrics.equal_depth import EqualDepthTruth
from stbench.metrics.error import mae, minmax_scaled, rmse
from stbench.metrics.null import NullTruth
from stbench.metrics.prediction import check_prediction
from stbench.metrics.structure import GeneStructure
from stbench.metrics.training import TrainingSummary
from stbench.preprocess.spatial_neighbours import spatial_neighbours
from stbench.record import SlideScores, SlideTruth


class SlideScorer:
    """Scores predictions for one slide and panel.

    unlabelled     annotation values that mean "no label"; tumour_labels those that count as tumour
    seed           with the slide's id and genes, fixes every random draw: the same scorer, the same scores
    Raises DatasetError where the truth's counts contradict its totals.
    """

    def __init__(
        self,
        truth: SlideTruth,
        unlabelled: tuple[str, ...] = ("undetermined",),
        tumour_labels: tuple[str, ...] = (),
        seed: int = 0,
    ):
        self.truth = truth
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
        totals = counts.sum(axis=1)
        self._log = log_expression(counts[:, :-1], totals)
        self._detection = (counts[:, :-1] > 0).mean(axis=0)
        self._unit = unit_truth(self._log)
        self._spline = DepthSpline(totals)
        self._given_depth = self._spline.unit_truth(self._log)
        self._structure = GeneStructure(self._given_depth)
        self._equal_depth = EqualDepthTruth(counts, rngs[0])
        self._null = NullTruth(counts, rngs[1])
        self._reliability = ceiling.reliability(counts, rngs[2])
        self._reliability_equal_depth = ceiling.reliability_equal_depth(counts, rngs[3])

    def score(self, prediction_log: np.ndarray, training: TrainingSummary) -> SlideScores:
        """Every score of a prediction (n_spots, n_genes) on the log scale; None where a score is undefined.

        Raises MethodError for a wrong shape or values that are not finite.
        """
        truth = self.truth
        prediction = check_prediction(prediction_log, len(truth.spot_ids), len(truth.genes))[truth.scored]
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
        scores |= _panel_summaries(per_gene["pcc"], training)
        scores |= self._errors(prediction, training)
        return scores | self._other_scores(prediction, training.constant_below), per_gene

    def _depth_scores(
        self, prediction: np.ndarray, constant_below: np.ndarray
    ) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """Correlations and structure with their nulls and ceilings: of the slide, and per gene."""
        unit = unit_prediction(prediction, constant_below)
        residuals = self._spline.unit_prediction(prediction, constant_below)
        deep = self._equal_depth.unit_prediction(prediction, constant_below)
        per_gene = {
            "pcc": product(self._unit, unit),
            "pcc_given_depth": product(self._given_depth, residuals),
            "pcc_equal_depth": self._equal_depth.per_gene(deep),
            "ceiling": ceiling.ceiling_per_gene(self._reliability),
            "detection": self._detection,
        }
        scores = {
            "pcc": mean_defined(per_gene["pcc"]),
            "pcc_null": self._null.pcc(unit),
            "pcc_given_depth": mean_defined(per_gene["pcc_given_depth"]),
            "pcc_given_depth_null": self._null.pcc_given_depth(residuals),
            "pcc_equal_depth": self._equal_depth.mean(deep),
            "pcc_equal_depth_null": self._null.pcc_equal_depth(deep),
            "ceiling": ceiling.ceiling(self._reliability),
            "ceiling_equal_depth": ceiling.ceiling_equal_depth(self._reliability_equal_depth),
            "structure": self._structure.score(residuals.T @ residuals),
            "structure_null": self._null.structure(residuals),
        }
        return scores, per_gene

    def _errors(self, prediction: np.ndarray, training: TrainingSummary) -> dict[str, float]:
        kept = training.varying
        truth, prediction = self._log[:, kept], prediction[:, kept]
        low, high = training.minimum[kept], training.maximum[kept]
        return {
            "rmse": rmse(minmax_scaled(truth, low, high), minmax_scaled(prediction, low, high)),
            "rmse_log": rmse(truth, prediction),
            "mae": mae(truth, prediction),
        }

    def _other_scores(self, prediction: np.ndarray, constant_below: np.ndarray) -> dict[str, float]:
        calibrated = calibration(self._log, prediction, constant_below)
        varying = correlation.varies(prediction, constant_below)
        clusters = agreement(prediction[:, varying], _labels(self.truth), *self._label_kinds)
        return {
            "spearman": mean_defined(correlation.spearman_per_gene(self._log, prediction, constant_below)),
            "pcc_spot": mean_defined(correlation.pearson_per_spot(self._log, prediction)),
            "variance_ratio": median_defined(calibrated.variance_ratio),
            "r_squared": median_defined(calibrated.r_squared),
            "slope": median_defined(calibrated.slope),
            "n_constant_prediction": float((~varying).sum()),
            **clusters._asdict(),
        }


def reference_ari(
    truth: SlideTruth,
    unlabelled: tuple[str, ...] = ("undetermined",),
    tumour_labels: tuple[str, ...] = (),
    embeddings: np.ndarray | None = None,
) -> dict[str, dict[str, float | None]]:
    """`ari` and `ari_tumour` of rows that are no predictions, by row name: references, not ceiling.

    embeddings (n_spots, d) of the run's encoder, or None for no such row.
    """
    scored = truth.scored
    measured = log_expression(truth.counts[scored], truth.totals[scored])
    nearest = spatial_neighbours(truth.pixel_xy[scored], truth.array_row_column[scored], 8)
    rows = {
        "measured": measured,
        "measured, mean of 9 spots": (measured + measured[nearest].sum(axis=1)) / (1 + nearest.shape[1]),
        "coordinates": np.asarray(truth.pixel_xy[scored], dtype=np.float64),
        "depth": np.log1p(truth.totals[scored])[:, None],
    }
    if embeddings is not None:
        rows["embeddings"] = np.asarray(embeddings[scored], dtype=np.float64)
    found = {name: agreement(row, _labels(truth), unlabelled, tumour_labels) for name, row in rows.items()}
    return {name: {"ari": _plain(f.ari), "ari_tumour": _plain(f.ari_tumour)} for name, f in found.items()}


def _labels(truth: SlideTruth) -> np.ndarray | None:
    """Annotation of the scored spots."""
    return None if truth.annotation is None else np.asarray(truth.annotation)[truth.scored]


def _panel_summaries(pcc: np.ndarray, training: TrainingSummary) -> dict[str, float]:
    """Of the PCC per gene: median, means over the two subsets, and how many genes are undefined."""
    return {
        "pcc_median": median_defined(pcc),
        "pcc_top50_expressed": mean_defined(pcc[training.best_expressed]),
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
