"""Intervals: none below three patients, none outside what a score can be, the bootstrap only where it holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stbench.reporting.statistics import bootstrap_interval, score_interval, t_interval, value_range


def test_two_patients_have_a_range_and_no_interval():
    for values in ([], [0.3], [0.1, 0.3]):
        assert t_interval(values) is None
        assert score_interval(values, correlation=True) is None is score_interval(values, correlation=False)
    assert value_range([0.3, 0.1]) == (0.1, 0.3)
    assert value_range([0.3]) is None is value_range([])


@pytest.mark.parametrize("values", [[0.1, 0.3, 0.2], [0.2, 0.25, 0.4, 0.1], [-1.0, 0.0, 1.0, 2.0, 7.0, 3.0]])
def test_the_interval_is_students(values):
    expected = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    assert t_interval(values) == pytest.approx(expected, abs=1e-12)
    assert score_interval(values, correlation=False) == t_interval(values)
    narrow = stats.t.interval(0.9, len(values) - 1, np.mean(values), stats.sem(values))
    assert t_interval(values, level=0.9) == pytest.approx(narrow, abs=1e-12)


def test_a_correlations_interval_is_that_of_fishers_z():
    values = [0.1, 0.35, 0.6, 0.42]
    z = 0.5 * np.log((1 + np.array(values)) / (1 - np.array(values)))
    low, high = stats.ttest_1samp(z, 0).confidence_interval()
    back = [(np.exp(2 * end) - 1) / (np.exp(2 * end) + 1) for end in (low, high)]
    assert score_interval(values, correlation=True) == pytest.approx(back)


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=12))
def test_no_interval_of_a_correlation_leaves_minus_one_to_one(values):
    low, high = score_interval(values, correlation=True)
    assert -1 <= low <= high <= 1


def test_three_wild_patients_stay_within_one():
    values = [0.1, 0.9, 0.95]
    assert t_interval(values)[1] > 1
    low, high = score_interval(values, correlation=True)
    assert -1 < low < 0 < high < 1


def test_no_bootstrap_below_eight_patients():
    scores = {f"P{i}": [0.1 * i, 0.2] for i in range(7)}
    assert bootstrap_interval(scores) is None
    assert bootstrap_interval(scores | {"P7": []}) is None  # nothing is scored of that one
    assert bootstrap_interval(scores | {"P7": [0.3]}) is not None


def test_with_one_slide_each_it_is_scipys_percentile_bootstrap():
    values = np.random.default_rng(1).normal(0.2, 0.05, 12)
    low, high = bootstrap_interval({f"P{i:02}": [v] for i, v in enumerate(values)})
    reference = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=10_000, rng=0)
    assert low == pytest.approx(reference.confidence_interval.low, abs=0.003)
    assert high == pytest.approx(reference.confidence_interval.high, abs=0.003)


def test_slides_are_drawn_within_patients():
    same_means = {f"P{i}": [0.2 - 0.1, 0.2 + 0.1] for i in range(8)}  # patients agree, slides do not
    low, high = bootstrap_interval(same_means)
    # each patient's mean of two drawn slides has variance 0.01 / 2; the mean of 8 has standard deviation 0.025
    assert high - low == pytest.approx(2 * 1.96 * 0.025, rel=0.1)
    assert bootstrap_interval(same_means) == (low, high)
