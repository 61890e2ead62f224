"""What a prediction must be, what training tells a metric, and the table of metrics."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from stbench.errors import MethodError
from stbench.metrics import METRICS, PER_GENE
from stbench.metrics.prediction import check_prediction
from stbench.metrics.training import N_TOP_GENES, TrainingSummary


def test_a_sound_prediction_comes_back_in_double_precision() -> None:
    prediction = np.arange(6, dtype=np.float32).reshape(3, 2)
    checked = check_prediction(prediction, 3, 2)
    assert checked.dtype == np.float64
    np.testing.assert_array_equal(checked, prediction)


@pytest.mark.parametrize("shape", [(2, 3), (3,), (3, 2, 1), (0, 2), (3, 1)])
def test_a_wrong_shape_is_the_methods_error(shape: tuple[int, ...]) -> None:
    with pytest.raises(MethodError, match=r"\(3, 2\)") as raised:
        check_prediction(np.zeros(shape), 3, 2)
    assert str(shape) in str(raised.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e200])
def test_a_value_that_is_no_number_is_the_methods_error(value: float) -> None:
    prediction = np.zeros((3, 2))
    prediction[1] = value
    with pytest.raises(MethodError, match="holds 2 values that are NaN, infinite"):
        check_prediction(prediction, 3, 2)


def test_values_of_another_kind_are_the_methods_error() -> None:
    with pytest.raises(MethodError, match="complex"):
        check_prediction(np.zeros((3, 2), dtype=complex), 3, 2)


def test_summary_of_training_slides() -> None:
    slides = [np.array([[0.0, 1.0, 7.0], [2.0, 1.0, 7.5]]), np.array([[4.0, 1.0, 5.0]])]
    summary = TrainingSummary.of(slides)
    np.testing.assert_allclose(summary.minimum, [0, 1, 5])
    np.testing.assert_allclose(summary.maximum, [4, 1, 7.5])
    np.testing.assert_allclose(summary.mean, [2, 1, 6.5])
    np.testing.assert_allclose(summary.std, [np.sqrt(8 / 3), 0, np.sqrt(3.5 / 3)])
    np.testing.assert_array_equal(summary.varying, [True, False, True])
    np.testing.assert_array_equal(summary.best_expressed, [2, 0, 1])
    np.testing.assert_array_equal(summary.most_variable, [0, 2, 1])
    assert summary.constant_below[1] == 1e-12


def test_subsets_hold_fifty_genes_and_ties_keep_the_panels_order() -> None:
    summary = TrainingSummary.of([np.vstack([np.zeros(80), np.arange(80) // 4])])
    best = summary.best_expressed
    assert len(best) == N_TOP_GENES == 50
    np.testing.assert_array_equal(best[:8], [76, 77, 78, 79, 72, 73, 74, 75])


def test_the_table_names_functions_that_exist() -> None:
    for metric in METRICS + PER_GENE:
        assert metric.better in ("higher", "lower", "one", "-") and metric.meaning
        if not metric.function.endswith(".py"):
            module, _, name = metric.function.partition(".")
            assert callable(getattr(importlib.import_module(f"stbench.metrics.{module}"), name))
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    # Correlations are better high, errors low; nulls, ceilings and counts of undefined genes are no merit.
    better = {metric.name: metric.better for metric in METRICS}
    assert (better["pcc_equal_depth"], better["rmse"], better["slope"]) == ("higher", "lower", "one")
    assert all(better[name] == "-" for name in better if name.endswith("_null") or name.startswith("ceiling"))
