"""One product must give what scoring every draw on its own would give."""

from __future__ import annotations

import numpy as np
import pytest

from stbench.metrics.averaging import AveragedTruth
from stbench.metrics.correlation import mean_defined, pearson_per_gene, unit_prediction, unit_truth


def test_equals_a_loop_over_draws() -> None:
    rng = np.random.default_rng(0)
    draws = [rng.poisson(0.15, (15, 30)).astype(float) for _ in range(8)]  # rare genes: some draws hold none
    draws.append(np.zeros((15, 30)))
    prediction, constant_below = rng.normal(size=(15, 30)), np.full(30, 1e-9)
    each = np.array([pearson_per_gene(draw, prediction, constant_below) for draw in draws])
    assert np.isnan(each[:-1]).any() and not np.isnan(each[:-1]).all(axis=1).any()
    averaged = AveragedTruth(map(unit_truth, draws), 15, 30)
    unit = unit_prediction(prediction, constant_below)
    expected = [mean_defined(gene) for gene in each.T]
    np.testing.assert_allclose(averaged.per_gene(unit), expected, atol=1e-12)
    assert averaged.mean(unit) == pytest.approx(np.mean(expected))
    np.testing.assert_array_equal(averaged.varying, (np.array(draws).std(axis=1) > 0).any(axis=0))


def test_a_gene_seen_in_few_draws_weighs_as_much_as_any_other() -> None:
    """The slide's number is the mean of its column, not the mean over draws of what varies in each."""
    rising = np.arange(4.0)
    rare = np.column_stack([rising, rising])
    usual = np.column_stack([rising[::-1], np.ones(4)])  # the second gene varies in the first draw alone
    averaged = AveragedTruth(map(unit_truth, (rare, usual)), 4, 2)
    unit = unit_prediction(rare, 0.0)
    np.testing.assert_allclose(averaged.per_gene(unit), [0.0, 1.0], atol=1e-12)
    assert averaged.mean(unit) == pytest.approx(0.5)  # by draws it would be (1 - 1) / 2 = 0


@pytest.mark.parametrize("draws", [[], [np.full((4, 3), np.nan)]])
def test_without_any_usable_draw_nothing_is_defined(draws: list[np.ndarray]) -> None:
    averaged = AveragedTruth(draws, 4, 3)
    unit = unit_prediction(np.random.default_rng(0).normal(size=(4, 3)), 0.0)
    assert np.isnan(averaged.mean(unit)) and np.isnan(averaged.per_gene(unit)).all()


def test_without_spots_nothing_is_defined() -> None:
    averaged = AveragedTruth([unit_truth(np.empty((0, 3)))], 0, 3)
    assert np.isnan(averaged.mean(np.empty((0, 3)))) and np.isnan(averaged.per_gene(np.empty((0, 3)))).all()
