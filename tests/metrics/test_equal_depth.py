"""Equal-depth PCC: the depth, the spots, the draws, and the three simple predictions."""

from __future__ import annotations

import numpy as np
import pytest

from stbench.metrics.correlation import mean_defined, pearson_per_gene
from stbench.metrics.counts import log_expression
from stbench.metrics.equal_depth import EqualDepthTruth, common_depth
from stbench.metrics.subsampling import draws


def _counts(n_spots: int = 60, n_genes: int = 20) -> np.ndarray:
    """Counts with rest in which genes differ between spots and depth varies tenfold."""
    rng = np.random.default_rng(3)
    composition = rng.gamma(0.8, 1.0, (n_spots, n_genes + 1)) + 0.05
    depth = rng.uniform(200, 2_000, (n_spots, 1))
    return rng.poisson(depth * composition / composition.sum(axis=1, keepdims=True))


def test_common_depth_is_the_tenth_percentile_rounded_down() -> None:
    assert common_depth(np.arange(100, 201)) == 110
    assert common_depth(np.array([100, 103])) == 100
    assert common_depth(np.array([], dtype=int)) == 0


def test_equals_a_loop_over_the_same_draws() -> None:
    counts = _counts()
    prediction = np.log1p(counts[:, :-1]) + np.random.default_rng(1).normal(size=(60, 20))
    constant_below = np.full(20, 1e-9)
    truth = EqualDepthTruth(counts, np.random.default_rng(5), n_draws=4)
    assert truth.depth == common_depth(counts.sum(axis=1))
    np.testing.assert_array_equal(truth.spots, counts.sum(axis=1) >= truth.depth)
    each = []
    for drawn in draws(counts[truth.spots], truth.depth, np.random.default_rng(5), 4):
        expression = np.log1p(1e6 * drawn[:, :-1] / truth.depth)
        each.append(pearson_per_gene(expression, prediction[truth.spots], constant_below))
    unit = truth.unit_prediction(prediction, constant_below)
    per_gene = np.nanmean(each, axis=0)
    np.testing.assert_allclose(truth.per_gene(unit), per_gene, atol=1e-12)
    assert truth.mean(unit) == pytest.approx(mean_defined(per_gene))
    np.testing.assert_array_equal(truth.varying, ~np.isnan(per_gene))


@pytest.mark.parametrize(("n_spots", "n_deep", "defined"), [(20, 19, False), (21, 19, False), (22, 20, True)])
def test_twenty_spots_must_be_deep_enough(n_spots: int, n_deep: int, defined: bool) -> None:
    gene, totals = np.arange(n_spots) % 4, 100 + np.arange(n_spots)
    counts = np.column_stack([gene, totals - gene])
    truth = EqualDepthTruth(counts, np.random.default_rng(0))
    assert truth.spots.sum() == n_deep  # the tenth percentile lies above the first or second spot
    unit = truth.unit_prediction(np.random.default_rng(1).normal(size=(n_spots, 1)), np.full(1, 1e-9))
    assert (not np.isnan(truth.mean(unit))) == defined


def test_another_scale_is_computed_from_the_drawn_counts() -> None:
    counts = _counts()
    truth = EqualDepthTruth(
        counts, np.random.default_rng(5), n_draws=2, expression=lambda drawn, totals: drawn**2
    )
    prediction, constant_below = np.random.default_rng(1).normal(size=(60, 20)), np.full(20, 1e-9)
    drawn = draws(counts[truth.spots], truth.depth, np.random.default_rng(5), 2)
    squares = [pearson_per_gene(d[:, :-1] ** 2, prediction[truth.spots], constant_below) for d in drawn]
    unit = truth.unit_prediction(prediction, constant_below)
    np.testing.assert_allclose(truth.per_gene(unit), np.nanmean(squares, axis=0))


def test_true_composition_scores_high_a_constant_zero() -> None:
    counts = _counts()
    truth = EqualDepthTruth(counts, np.random.default_rng(0))
    constant_below = np.full(20, 1e-9)
    measured = log_expression(counts[:, :-1], counts.sum(axis=1))
    assert truth.mean(truth.unit_prediction(measured, constant_below)) > 0.7
    assert truth.mean(truth.unit_prediction(np.full_like(measured, 8.3), constant_below)) == 0.0


def test_an_undrawn_shallow_spot_does_not_count() -> None:
    counts = _counts()
    truth = EqualDepthTruth(counts, np.random.default_rng(0))
    prediction = np.random.default_rng(1).normal(size=(60, 20))
    changed = prediction.copy()
    changed[~truth.spots] = 1e6
    constant_below = np.full(20, 1e-9)
    assert (~truth.spots).sum() == 6
    assert truth.mean(truth.unit_prediction(prediction, constant_below)) == truth.mean(
        truth.unit_prediction(changed, constant_below)
    )


@pytest.mark.parametrize(
    "counts",
    [
        np.zeros((5, 4), dtype=int),
        np.empty((0, 4), dtype=int),
        np.full((19, 4), 9),
        np.tile([0, 0, 0, 9], (25, 1)),
    ],
)
def test_undefined_without_depth_spots_or_variation(counts: np.ndarray) -> None:
    truth = EqualDepthTruth(counts, np.random.default_rng(0))
    unit = truth.unit_prediction(np.random.default_rng(1).normal(size=(len(counts), 3)), np.full(3, 1e-9))
    assert np.isnan(truth.mean(unit)) and np.isnan(truth.per_gene(unit)).all()
