"""Correlations against numpy and scipy gene by gene, hand-worked cases, and what must not change them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from stbench.metrics.correlation import (
    constancy_threshold,
    mean_defined,
    mean_pcc,
    median_defined,
    pearson_per_gene,
    pearson_per_spot,
    spearman_per_gene,
)

seeds = st.integers(0, 2**32 - 1)


def _pair(seed: int, n_spots: int = 25, n_genes: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.normal(5.0, 2.0, (n_spots, n_genes))
    prediction = 0.5 * truth + rng.normal(0.0, 1.0, truth.shape)
    return truth, prediction, constancy_threshold(truth.std(axis=0))


def test_equals_numpy_and_scipy_gene_by_gene() -> None:
    truth, prediction, constant_below = _pair(1)
    truth[:, 2] = np.round(truth[:, 2])  # ties, which Spearman ranks by their mean
    pearson = [np.corrcoef(t, p)[0, 1] for t, p in zip(truth.T, prediction.T, strict=True)]
    spearman = [stats.spearmanr(t, p).statistic for t, p in zip(truth.T, prediction.T, strict=True)]
    per_spot = [stats.pearsonr(t, p).statistic for t, p in zip(truth, prediction, strict=True)]
    np.testing.assert_allclose(pearson_per_gene(truth, prediction, constant_below), pearson, atol=1e-12)
    np.testing.assert_allclose(spearman_per_gene(truth, prediction, constant_below), spearman, atol=1e-12)
    np.testing.assert_allclose(pearson_per_spot(truth, prediction), per_spot, atol=1e-12)
    assert mean_pcc(truth, prediction, constant_below) == pytest.approx(np.mean(pearson))


def test_three_spots_by_hand() -> None:
    # Centred: truth (-1, 0, 1), prediction (-2, 4, -2) / 3 apart from scale: products cancel; then 1, 3, 2.
    truth = np.array([[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]])
    prediction = np.array([[0.0, 1.0], [2.0, 3.0], [0.0, 2.0]])
    np.testing.assert_allclose(pearson_per_gene(truth, prediction, np.full(2, 1e-9)), [0.0, 0.5], atol=1e-15)


def test_perfect_and_opposite_predictions() -> None:
    truth, _, constant_below = _pair(2)
    for metric in (pearson_per_gene, spearman_per_gene):
        np.testing.assert_allclose(metric(truth, truth, constant_below), 1.0)
        np.testing.assert_allclose(metric(truth, -truth, constant_below), -1.0)
    np.testing.assert_allclose(pearson_per_spot(truth, truth), 1.0)


@pytest.mark.parametrize("metric", [pearson_per_gene, spearman_per_gene])
def test_constant_truth_is_undefined_and_constant_prediction_scores_zero(metric) -> None:
    truth, prediction, constant_below = _pair(3)
    truth[:, 0] = 8.3  # not exactly representable: its mean differs from it in the last digit
    prediction[:, 1] = 0.1
    truth[:, 2], prediction[:, 2] = 1.7, 1.7
    r = metric(truth, prediction, constant_below)
    assert np.isnan(r[[0, 2]]).all()
    assert r[1] == 0.0
    assert (r[3:] > 0.3).all()
    assert mean_defined(r) == pytest.approx(r[[1, 3, 4, 5]].mean())


def test_prediction_is_constant_below_a_millionth_of_the_training_deviation() -> None:
    truth, _, _ = _pair(4, n_genes=2)
    threshold = constancy_threshold(np.array([2.0, 0.0]))
    np.testing.assert_allclose(threshold, [2e-6, 1e-12])
    shape = (truth - truth.mean(axis=0)) / truth.std(axis=0)
    just_below, just_above = shape * threshold * 0.99, shape * threshold * 1.01
    for metric in (pearson_per_gene, spearman_per_gene):
        np.testing.assert_array_equal(metric(truth, just_below, threshold), 0.0)
        np.testing.assert_allclose(metric(truth, just_above, threshold), 1.0)


def test_spots_whose_genes_do_not_vary() -> None:
    truth, prediction, _ = _pair(5)
    truth[0], prediction[1] = 0.0, 8.3
    r = pearson_per_spot(truth, prediction)
    assert np.isnan(r[0]) and r[1] == 0.0 and not np.isnan(r[2:]).any()


@pytest.mark.parametrize("n_spots", [0, 1, 2])
def test_under_three_spots_nothing_is_defined(n_spots: int) -> None:
    truth, prediction, _ = _pair(6)
    truth, prediction, constant_below = truth[:n_spots], prediction[:n_spots], np.full(6, 1e-9)
    assert np.isnan(pearson_per_gene(truth, prediction, constant_below)).all()
    assert np.isnan(spearman_per_gene(truth, prediction, constant_below)).all()
    assert np.isnan(mean_pcc(truth, prediction, constant_below))


def test_without_genes_or_with_too_few_for_a_spot() -> None:
    truth, prediction, constant_below = _pair(7, n_genes=0)
    assert pearson_per_gene(truth, prediction, constant_below).shape == (0,)
    assert np.isnan(mean_pcc(truth, prediction, constant_below))
    assert np.isnan(pearson_per_spot(*_pair(7, n_genes=2)[:2])).all()
    assert np.isnan(median_defined(np.array([np.nan])))


@settings(max_examples=40, deadline=None)
@given(seeds, st.floats(1e-3, 1e3), st.floats(-1e3, 1e3))
def test_positive_affine_maps_per_gene_change_nothing(seed: int, scale: float, shift: float) -> None:
    truth, prediction, constant_below = _pair(seed)
    factors = scale * np.linspace(0.5, 2.0, truth.shape[1])
    mapped = prediction * factors + shift
    for metric in (pearson_per_gene, spearman_per_gene):
        before = metric(truth, prediction, constant_below)
        np.testing.assert_allclose(metric(truth, mapped, constant_below * factors), before, atol=1e-7)
        np.testing.assert_allclose(metric(truth * factors + 1, prediction, constant_below), before, atol=1e-7)


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_the_order_of_spots_and_genes_does_not_matter(seed: int) -> None:
    truth, prediction, constant_below = _pair(seed)
    rng = np.random.default_rng(seed)
    spots, genes = rng.permutation(truth.shape[0]), rng.permutation(truth.shape[1])
    for metric in (pearson_per_gene, spearman_per_gene):
        before = metric(truth, prediction, constant_below)
        after = metric(truth[spots][:, genes], prediction[spots][:, genes], constant_below[genes])
        np.testing.assert_allclose(after, before[genes], atol=1e-12)
        assert (np.abs(after) <= 1).all()
