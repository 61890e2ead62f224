"""The protocol's own check on real slides: without signal, only the plain PCC stays away from 0."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from stbench.metrics.ceiling import ceiling, ceiling_equal_depth, reliability, reliability_equal_depth
from stbench.metrics.correlation import mean_defined, mean_pcc, pearson_per_gene, unit_prediction
from stbench.metrics.counts import draw_without_replacement, log_expression, thin, with_rest
from stbench.metrics.depth import DepthSpline
from stbench.metrics.equal_depth import EqualDepthTruth
from stbench.metrics.null import NullTruth


class RealSlide(NamedTuple):
    """Scored spots: counts with rest, totals, expression on the log scale, and the eight nearest spots."""

    counts: np.ndarray
    totals: np.ndarray
    expression: np.ndarray
    nearest: np.ndarray

    def smooth(self, values: np.ndarray) -> np.ndarray:
        """Each spot's mean over its eight nearest, itself left out: what a smooth predictor could know."""
        return values[self.nearest].mean(axis=1)


@pytest.fixture(scope="module", params=["C3", "B4"])
def slide(request: pytest.FixtureRequest, shared_data: Path) -> RealSlide:
    return _read(shared_data, request.param)


def _read(shared_data: Path, name: str) -> RealSlide:
    table = pd.read_csv(shared_data / f"her2st/data/ST-cnts/{name}.tsv.gz", sep="\t", index_col=0)
    listed = (shared_data / "panels/her_hvg_cut_1000.txt").read_text().split()
    totals = table.to_numpy().sum(axis=1)
    table, totals = table[totals >= 100], totals[totals >= 100]
    panel = table[[gene for gene in listed if gene in table.columns]].to_numpy()
    array = np.array([spot.split("x") for spot in table.index], dtype=float)
    distance = np.linalg.norm(array[:, None] - array, axis=2)
    nearest = np.argsort(distance, axis=1, kind="stable")[:, 1:9]
    return RealSlide(with_rest(panel, totals), totals, log_expression(panel, totals), nearest)


def _predictions(slide: RealSlide) -> dict[str, np.ndarray]:
    shape = slide.expression.shape
    depth = np.log1p(slide.totals)[:, None]
    slopes = np.random.default_rng(0).uniform(0.2, 2.0, shape[1])
    return {
        "true log total": np.broadcast_to(depth, shape),
        "true total": np.broadcast_to(slide.totals[:, None].astype(float), shape),
        "smoothed log total, a line per gene": slide.smooth(depth) * slopes + 3,
        "smooth": slide.smooth(slide.expression),
        "measured": slide.expression,
    }


def test_without_signal_depth_aware_scores_vanish_and_plain_pcc_stays(slide: RealSlide) -> None:
    constant_below = 1e-6 * slide.expression.std(axis=0)
    null = NullTruth(slide.counts, np.random.default_rng(1))
    spline = DepthSpline(slide.totals)
    equal_depth = EqualDepthTruth(slide.counts, np.random.default_rng(2), n_draws=1)
    plain = {}
    for name, prediction in _predictions(slide).items():
        plain[name] = null.pcc(unit_prediction(prediction, constant_below))
        residuals = spline.unit_prediction(prediction, constant_below)
        deep = equal_depth.unit_prediction(prediction, constant_below)
        assert abs(null.pcc_given_depth(residuals)) < 0.01, name
        assert abs(null.pcc_equal_depth(deep)) < 0.01, name
        assert abs(null.structure(residuals)) < 0.01, name
    assert plain["true log total"] > 0.3 and plain["true total"] > 0.25
    assert plain["smoothed log total, a line per gene"] > 0.2
    assert plain["smooth"] > 0.1


def test_a_linear_partial_correlation_would_not_do(shared_data: Path) -> None:
    """Taking out a straight line in log total leaves depth in: the spline is there for a reason."""
    slide = _read(shared_data, "B4")
    pooled = slide.counts.sum(axis=0) / slide.counts.sum()
    redrawn = np.random.default_rng(3).multinomial(slide.totals, pooled)[:, :-1]
    truth, depth = log_expression(redrawn, slide.totals), np.log1p(slide.totals)
    line = np.column_stack([np.ones_like(depth), depth])
    # A second prediction of depth, bent otherwise than the logarithm.
    bent = np.repeat(np.sqrt(slide.totals)[:, None], truth.shape[1], axis=1)
    rest = [values - line @ np.linalg.lstsq(line, values, rcond=None)[0] for values in (truth, bent)]
    assert abs(mean_pcc(*rest, np.full(truth.shape[1], 1e-9))) > 0.05
    spline = DepthSpline(slide.totals)
    rest = [spline.residuals(values) for values in (truth, bent)]
    assert abs(mean_pcc(*rest, np.full(truth.shape[1], 1e-9))) < 0.015


def test_every_spot_is_drawn_to_one_depth_within_its_counts(slide: RealSlide) -> None:
    truth = EqualDepthTruth(slide.counts, np.random.default_rng(0), n_draws=1)
    deep = slide.counts[truth.spots]
    drawn = draw_without_replacement(deep, truth.depth, np.random.default_rng(0))
    assert truth.spots.mean() == pytest.approx(0.9, abs=0.01)
    assert (drawn.sum(axis=1) == truth.depth).all() and (drawn <= deep).all() and (drawn >= 0).all()


def test_true_depth_scores_high_on_plain_pcc_only(slide: RealSlide) -> None:
    prediction = _predictions(slide)["true log total"]
    constant_below = 1e-6 * slide.expression.std(axis=0)
    equal_depth = EqualDepthTruth(slide.counts, np.random.default_rng(0))
    assert mean_pcc(slide.expression, prediction, constant_below) > 0.2
    assert equal_depth.mean(equal_depth.unit_prediction(prediction, constant_below)) < 0.01


def test_ceilings_lie_between_what_halves_score_and_one(slide: RealSlide) -> None:
    rng = np.random.default_rng(0)
    first, second = (log_expression(half[:, :-1], half.sum(axis=1)) for half in thin(slide.counts, rng))
    halves = mean_defined(pearson_per_gene(first, second, np.full(first.shape[1], 1e-12)))
    found = ceiling(reliability(slide.counts, rng))
    assert 0.1 < halves < found < 1
    at_depth = ceiling_equal_depth(reliability_equal_depth(slide.counts, rng))
    assert 0.05 < at_depth < found
    # What a spot's neighbours know of it stays below both ceilings.
    constant_below = 1e-6 * slide.expression.std(axis=0)
    smooth = slide.smooth(slide.expression)
    equal_depth = EqualDepthTruth(slide.counts, rng)
    assert mean_pcc(slide.expression, smooth, constant_below) < found
    assert equal_depth.mean(equal_depth.unit_prediction(smooth, constant_below)) < at_depth
