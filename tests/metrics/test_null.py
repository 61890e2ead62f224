"""The null against a loop that redraws, residualises and scores on its own."""

from __future__ import annotations

import numpy as np
import pytest

from stbench.metrics.correlation import mean_pcc, unit_prediction
from stbench.metrics.depth import DepthSpline, pcc_given_depth
from stbench.metrics.equal_depth import EqualDepthTruth, common_depth
from stbench.metrics.null import NullTruth

N_SPOTS, N_GENES = 60, 15
CONSTANT_BELOW = np.full(N_GENES, 1e-9)


def _slide() -> tuple[np.ndarray, np.ndarray]:
    """Counts with rest whose composition differs between spots, and a prediction that knows genes and depth."""
    rng = np.random.default_rng(0)
    composition = rng.dirichlet(np.full(N_GENES + 1, 2.0), N_SPOTS)
    counts = rng.multinomial(rng.integers(150, 4_000, N_SPOTS), composition)
    return counts, np.log1p(counts[:, :-1]) + rng.normal(size=(N_SPOTS, N_GENES))


def _log(drawn: np.ndarray) -> np.ndarray:
    return np.log1p(1e6 * drawn[:, :-1] / drawn.sum(axis=1, keepdims=True))


def test_equals_scoring_every_redraw_on_its_own() -> None:
    counts, prediction = _slide()
    totals, pooled = counts.sum(axis=1), counts.sum(axis=0) / counts.sum()
    rng = np.random.default_rng(1)
    redraws = [_log(rng.multinomial(totals, pooled)) for _ in range(3)]
    spline = DepthSpline(totals)
    null = NullTruth(counts, np.random.default_rng(1), n_redraws=3)
    plain = [mean_pcc(redraw, prediction, CONSTANT_BELOW) for redraw in redraws]
    assert null.pcc(unit_prediction(prediction, CONSTANT_BELOW)) == pytest.approx(np.mean(plain))
    residuals = spline.unit_prediction(prediction, CONSTANT_BELOW)
    given_depth = [pcc_given_depth(redraw, prediction, totals, CONSTANT_BELOW).mean() for redraw in redraws]
    assert null.pcc_given_depth(residuals) == pytest.approx(np.mean(given_depth))
    pairs = np.triu_indices(N_GENES, k=1)
    predicted = np.corrcoef(spline.residuals(prediction).T)[pairs]
    structure = [np.corrcoef(np.corrcoef(spline.residuals(r).T)[pairs], predicted)[0, 1] for r in redraws]
    assert null.structure(residuals) == pytest.approx(np.mean(structure))


def test_equal_depth_redraws_have_that_depth_and_the_pooled_composition() -> None:
    counts, prediction = _slide()
    pooled, depth = counts.sum(axis=0) / counts.sum(), common_depth(counts.sum(axis=1))
    deep = EqualDepthTruth(counts, np.random.default_rng(0), n_draws=1)
    rng = np.random.default_rng(1)
    rng.multinomial(counts.sum(axis=1), pooled)  # the redraw at real totals comes first
    redraw = _log(rng.multinomial(np.full(deep.spots.sum(), depth), pooled))
    null = NullTruth(counts, np.random.default_rng(1), n_redraws=1)
    unit = deep.unit_prediction(prediction, CONSTANT_BELOW)
    assert null.pcc_equal_depth(unit) == pytest.approx(
        mean_pcc(redraw, prediction[deep.spots], CONSTANT_BELOW)
    )


def test_constant_prediction_scores_zero_and_an_empty_slide_nothing() -> None:
    counts, prediction = _slide()
    null, constant = NullTruth(counts, np.random.default_rng(1), n_redraws=2), np.zeros_like(prediction)
    assert null.pcc(constant) == null.pcc_given_depth(constant) == null.structure(constant) == 0.0
    for too_few in (counts[:0], counts[:2], counts * 0):
        null = NullTruth(too_few, np.random.default_rng(1), n_redraws=2)
        flat = np.zeros((len(too_few), N_GENES))
        assert np.isnan([null.pcc(flat), null.pcc_given_depth(flat), null.structure(flat)]).all()
