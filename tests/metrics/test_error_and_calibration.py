"""Errors and calibration against written-out formulas and a least-squares line."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from stbench.metrics.calibration import calibration
from stbench.metrics.error import centred, mae, minmax_scaled, rmse


def _pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = rng.normal(4, 2, (30, 5))
    return truth, 0.3 * truth + rng.normal(0, 1, truth.shape)


def test_errors_equal_scikit_learn() -> None:
    truth, prediction = _pair()
    assert rmse(truth, prediction) == pytest.approx(
        root_mean_squared_error(truth.ravel(), prediction.ravel())
    )
    assert mae(truth, prediction) == pytest.approx(mean_absolute_error(truth, prediction))


def test_errors_of_perfect_constant_and_empty_predictions() -> None:
    truth, _ = _pair()
    assert rmse(truth, truth) == mae(truth, truth) == 0.0
    assert rmse(truth, np.tile(truth.mean(axis=0), (30, 1))) == pytest.approx(
        np.sqrt(truth.var(axis=0).mean())
    )
    empty = np.empty((0, 5))
    assert np.isnan(rmse(empty, empty)) and np.isnan(mae(empty, empty))


def test_three_spots_by_hand() -> None:
    truth, prediction = np.array([[0.0], [1.0], [2.0]]), np.array([[0.0], [3.0], [1.0]])
    assert rmse(truth, prediction) == pytest.approx(np.sqrt(5 / 3))
    assert mae(truth, prediction) == pytest.approx(1.0)


def test_centring_takes_the_level_of_the_slide_out_of_both_sides() -> None:
    truth, prediction = (
        np.array([[0.0, 5.0], [1.0, 5.0], [2.0, 8.0]]),
        np.array([[7.0, 1], [9.0, 1], [8.0, 1]]),
    )
    # Centred: -1 0 1 and -1 -1 2 against -1 1 0 and 0 0 0.
    assert rmse(centred(truth), centred(prediction)) == pytest.approx(np.sqrt((0 + 1 + 1 + 1 + 1 + 4) / 6))
    assert rmse(centred(truth), centred(truth + np.array([3.0, -40.0]))) == pytest.approx(0, abs=1e-12)
    assert centred(np.empty((0, 5))).shape == (0, 5)


def test_the_training_range_becomes_zero_to_one_and_nothing_is_clipped() -> None:
    scaled = minmax_scaled(np.array([[2.0], [4.0], [8.0]]), np.array([2.0]), np.array([6.0]))
    np.testing.assert_allclose(scaled.ravel(), [0, 0.5, 1.5])


def test_calibration_equals_variances_and_a_least_squares_line() -> None:
    truth, prediction = _pair()
    found = calibration(truth, prediction, np.full(5, 1e-9))
    np.testing.assert_allclose(found.variance_ratio, prediction.var(axis=0) / truth.var(axis=0))
    lines = [np.polyfit(p, t, 1)[0] for t, p in zip(truth.T, prediction.T, strict=True)]
    np.testing.assert_allclose(found.slope, lines)
    r = [np.corrcoef(t, p)[0, 1] for t, p in zip(truth.T, prediction.T, strict=True)]
    np.testing.assert_allclose(found.r_squared, np.square(r))


def test_a_least_squares_prediction_has_slope_one_and_a_variance_ratio_of_r_squared() -> None:
    truth, feature = _pair()
    fitted = np.column_stack(
        [np.polyval(np.polyfit(p, t, 1), p) for t, p in zip(truth.T, feature.T, strict=True)]
    )
    found = calibration(truth, fitted, np.full(5, 1e-9))
    np.testing.assert_allclose(found.slope, 1.0)
    np.testing.assert_allclose(found.variance_ratio, found.r_squared)


def test_calibration_of_constant_and_empty_arrays() -> None:
    truth, prediction = _pair()
    truth[:, 0], prediction[:, 1] = 8.3, 8.3
    found = calibration(truth, prediction, np.full(5, 1e-9))
    assert np.isnan([column[0] for column in found]).all()
    assert found.variance_ratio[1] == found.r_squared[1] == 0.0 and np.isnan(found.slope[1])
    assert all(np.isfinite(column[2:]).all() for column in found)
    empty = np.empty((0, 5))
    assert all(np.isnan(column).all() for column in calibration(empty, empty, np.full(5, 1e-9)))
