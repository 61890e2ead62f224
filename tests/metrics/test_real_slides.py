"""The protocol's own check on real slides: without signal, only the plain PCC stays away from 0."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from metrics.her2_slides import RealSlide, listed_genes, read_slide

from stbench.metrics.averaging import AveragedTruth
from stbench.metrics.ceiling import ceiling, ceiling_equal_depth, reliability, reliability_at_depth
from stbench.metrics.correlation import (
    is_defined,
    mean_defined,
    mean_pcc,
    pearson_per_gene,
    unit_prediction,
    unit_truth,
)
from stbench.metrics.counts import draw_constant, log_expression, thin
from stbench.metrics.depth import DepthSpline
from stbench.metrics.equal_depth import EqualDepthTruth, common_depth
from stbench.metrics.null import ExchangedTruth
from stbench.metrics.structure import GeneStructure
from stbench.metrics.subsampling import draws


@pytest.fixture(scope="module", params=["C3", "B4"])
def slide(request: pytest.FixtureRequest, shared_data: Path) -> RealSlide:
    return _read(shared_data, request.param)


def _read(shared_data: Path, name: str) -> RealSlide:
    return read_slide(shared_data, name, listed_genes(shared_data, name))


def _smooth(slide: RealSlide, values: np.ndarray) -> np.ndarray:
    """Each spot's mean over its eight nearest, itself left out: what a smooth predictor could know."""
    places = slide.array_row_column.astype(float)
    distance = np.linalg.norm(places[:, None] - places, axis=2)
    return values[np.argsort(distance, axis=1, kind="stable")[:, 1:9]].mean(axis=1)


def _predictions(slide: RealSlide) -> dict[str, np.ndarray]:
    shape = slide.expression.shape
    depth = np.log1p(slide.totals)[:, None]
    slopes = np.random.default_rng(0).uniform(0.2, 2.0, shape[1])
    return {
        "true log total": np.broadcast_to(depth, shape),
        "true total": np.broadcast_to(slide.totals[:, None].astype(float), shape),
        "smoothed log total, a line per gene": _smooth(slide, depth) * slopes + 3,
        "smooth": _smooth(slide, slide.expression),
        "measured": slide.expression,
    }


def test_without_signal_depth_aware_scores_vanish(slide: RealSlide) -> None:
    """Counts redrawn multinomially with one composition for all spots: whatever is predicted, only depth is left."""
    rng, spline = np.random.default_rng(1), DepthSpline(slide.totals)
    redraws = [
        log_expression(draw_constant(slide.counts, slide.totals, rng)[:, :-1], slide.totals)
        for _ in range(10)
    ]
    given_depth = [spline.unit_truth(redraw) for redraw in redraws]
    plain = AveragedTruth(map(unit_truth, redraws), *slide.expression.shape)
    depth_taken_out = AveragedTruth(given_depth, *slide.expression.shape)
    depth = common_depth(slide.totals)
    deep = slide.totals >= depth
    # A multinomial subsampled without replacement is a multinomial again, hence drawn at T0 right away.
    at_depth = (
        unit_truth(
            log_expression(draw_constant(slide.counts, np.full(deep.sum(), depth), rng)[:, :-1], depth)
        )
        for _ in range(10)
    )
    equal_depth = AveragedTruth(at_depth, int(deep.sum()), slide.expression.shape[1])
    constant_below = 1e-6 * slide.expression.std(axis=0)
    for name, prediction in _predictions(slide).items():
        residuals = spline.unit_prediction(prediction, constant_below)
        assert abs(depth_taken_out.mean(residuals)) < 0.01, name
        assert abs(equal_depth.mean(unit_prediction(prediction[deep], constant_below))) < 0.01, name
        structures = [GeneStructure(truth).score(residuals.T @ residuals) for truth in given_depth]
        assert abs(np.mean(structures)) < 0.01, name
        assert plain.mean(unit_prediction(prediction, constant_below)) > 0.09, name


def test_the_null_of_depth_is_its_score_and_that_of_anything_else_below(slide: RealSlide) -> None:
    constant_below = 1e-6 * slide.expression.std(axis=0)
    null = ExchangedTruth(slide.expression, slide.totals, slide.array_row_column, np.random.default_rng(1))
    for name, prediction in _predictions(slide).items():
        score = mean_pcc(slide.expression, prediction, constant_below)
        found = null.pcc(unit_prediction(prediction, constant_below))
        if name == "measured":
            assert found < 0.4 < score, name
        elif name != "smooth":
            assert found == pytest.approx(score, abs=0.015), name


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
    (drawn,) = draws(deep, truth.depth, np.random.default_rng(0), 1)
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
    found = ceiling(reliability(slide.counts, rng), is_defined(unit_truth(slide.expression)))
    assert 0.1 < halves < found < 1
    equal_depth = EqualDepthTruth(slide.counts, rng)
    at_depth = ceiling_equal_depth(reliability_at_depth(slide.counts, rng), equal_depth.varying)
    assert 0.05 < at_depth < found
    # What a spot's neighbours know of it stays below both ceilings.
    constant_below = 1e-6 * slide.expression.std(axis=0)
    smooth = _smooth(slide, slide.expression)
    assert mean_pcc(slide.expression, smooth, constant_below) < found
    assert equal_depth.mean(equal_depth.unit_prediction(smooth, constant_below)) < at_depth
