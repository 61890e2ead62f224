"""PCC given depth against an ordinary regression on a natural spline written out from its definition."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from stbench.metrics.depth import DepthSpline, natural_spline, pcc_given_depth


def _truncated_powers(x: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Natural cubic splines by truncated powers (Hastie, Tibshirani and Friedman 2009, eq. 5.4 and 5.5)."""

    def d(k: int) -> np.ndarray:
        powers = np.maximum(x - knots[k], 0) ** 3 - np.maximum(x - knots[-1], 0) ** 3
        return powers / (knots[-1] - knots[k])

    last = len(knots) - 2
    return np.column_stack([np.ones_like(x), x, *(d(k) - d(last) for k in range(last))])


def _slide(seed: int, n_spots: int = 60, n_genes: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    totals = rng.integers(100, 20_000, n_spots)
    depth = np.log1p(totals)[:, None]
    truth = np.sin(depth) + rng.normal(0, 0.5, (n_spots, n_genes))
    prediction = depth**2 * rng.uniform(0.1, 1, n_genes) + 2 * truth + rng.normal(0, 1, truth.shape)
    return totals, truth, prediction


def test_equals_regressions_on_a_natural_spline_by_another_formula() -> None:
    totals, truth, prediction = _slide(0)
    x = np.log(1 + totals)
    design = _truncated_powers(x, np.quantile(x, [0, 0.2, 0.4, 0.6, 0.8, 1]))
    expected = [
        np.corrcoef(sm.OLS(t, design).fit().resid, sm.OLS(p, design).fit().resid)[0, 1]
        for t, p in zip(truth.T, prediction.T, strict=True)
    ]
    found = pcc_given_depth(truth, prediction, totals, np.full(4, 1e-9))
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_the_basis_has_five_degrees_of_freedom_and_is_linear_beyond_no_knot() -> None:
    x = np.linspace(3, 9, 50)
    basis = natural_spline(x)
    assert basis.shape == (50, 6) and np.linalg.matrix_rank(basis) == 6
    fitted = basis @ np.linalg.lstsq(basis, np.column_stack([np.ones(50), x]), rcond=None)[0]
    np.testing.assert_allclose(fitted, np.column_stack([np.ones(50), x]), atol=1e-10)
    assert np.abs(x**2 - basis @ np.linalg.lstsq(basis, x**2, rcond=None)[0]).max() > 1e-3


def test_perfect_constant_and_pure_depth_predictions() -> None:
    totals, truth, _ = _slide(1)
    constant_below = np.full(4, 1e-6)
    depth = np.repeat(np.log1p(totals)[:, None], 4, axis=1)
    np.testing.assert_allclose(pcc_given_depth(truth, truth, totals, constant_below), 1.0)
    for worthless in (depth, 3 * depth - 40, np.full_like(truth, 8.3)):
        np.testing.assert_array_equal(pcc_given_depth(truth, worthless, totals, constant_below), 0.0)


def test_a_truth_that_depth_explains_wholly_is_undefined() -> None:
    totals, truth, prediction = _slide(2)
    truth[:, 0] = 5 - 2 * np.log1p(totals)
    truth[:, 1] = 8.3
    r = pcc_given_depth(truth, prediction, totals, np.full(4, 1e-6))
    assert np.isnan(r[:2]).all() and (r[2:] > 0.5).all()


@pytest.mark.parametrize(
    ("totals", "left"),
    [
        ([500] * 8, 7),  # one total: only the mean goes
        ([500, 900] * 4, 6),
        ([500, 700, 900] * 4, 9),
        ([500] * 20 + [600, 700], 20),  # all knots on the smallest total: a straight line is left
        (range(100, 107), 1),
        (range(100, 104), 0),
    ],
)
def test_few_distinct_totals_take_no_more_than_they_can(totals, left: int) -> None:
    totals = np.array(totals)
    spline = DepthSpline(totals)
    assert spline.residual_degrees == left
    values = np.random.default_rng(0).normal(size=(len(totals), 3))
    residuals = spline.residuals(values)
    if left < 2:
        np.testing.assert_array_equal(residuals, 0.0)
        assert np.isnan(spline.unit_truth(values)).all()
    else:
        np.testing.assert_allclose(residuals.sum(axis=0), 0, atol=1e-9)
        np.testing.assert_allclose(np.log1p(totals) @ residuals, 0, atol=1e-8)


def test_groups_of_equal_totals_are_reduced_to_their_own_means() -> None:
    totals = np.repeat([200, 900, 5_000], 5)
    values = np.random.default_rng(1).normal(size=(15, 2))
    expected = values - np.repeat(values.reshape(3, 5, 2).mean(axis=1), 5, axis=0)
    np.testing.assert_allclose(DepthSpline(totals).residuals(values), expected, atol=1e-10)


def test_without_spots_nothing_is_defined() -> None:
    nothing = np.empty((0, 2))
    assert np.isnan(pcc_given_depth(nothing, nothing, np.empty(0), np.full(2, 1e-9))).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_affine_maps_added_depth_and_the_order_of_spots_change_nothing(seed: int) -> None:
    totals, truth, prediction = _slide(seed)
    constant_below = np.full(4, 1e-9)
    before = pcc_given_depth(truth, prediction, totals, constant_below)
    more_depth = prediction * [1, 2, 3, 4] + 5 + 7 * np.log1p(totals)[:, None]
    np.testing.assert_allclose(pcc_given_depth(truth, more_depth, totals, constant_below), before, atol=1e-8)
    order = np.random.default_rng(seed).permutation(len(totals))
    shuffled = pcc_given_depth(truth[order], prediction[order], totals[order], constant_below)
    np.testing.assert_allclose(shuffled, before, atol=1e-8)
