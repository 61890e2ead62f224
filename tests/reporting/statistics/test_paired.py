"""Paired tests and estimates against scipy, enumeration by hand, and what small n allows."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stbench.reporting.statistics.paired import (
    corrected_t,
    hodges_lehmann,
    hodges_lehmann_interval,
    rank_biserial,
    signed_rank_p,
    smallest_signed_rank_p,
)


def enumerated_p(differences: list[float]) -> float:
    """Share of sign assignments whose rank sum is as far from its centre as the observed one."""
    values = [d for d in differences if d != 0]
    ranks = stats.rankdata(np.abs(values))
    centre = ranks.sum() / 2
    observed = abs(ranks[np.array(values) > 0].sum() - centre)
    signs = itertools.product([0, 1], repeat=len(values))
    extreme = [abs((ranks * s).sum() - centre) >= observed - 1e-9 for s in map(np.array, signs)]
    return float(np.mean(extreme))


@pytest.mark.parametrize("n", [3, 5, 8, 12])
def test_p_agrees_with_scipys_exact_test(n):
    differences = np.random.default_rng(n).normal(0.3, 1, n).tolist()
    assert signed_rank_p(differences) == pytest.approx(stats.wilcoxon(differences, method="exact").pvalue)


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=9))
def test_p_with_ties_and_zeros_is_the_enumeration(differences):
    if any(differences):
        assert signed_rank_p(differences) == pytest.approx(enumerated_p(differences))
    else:
        assert signed_rank_p(differences) == 1.0


def test_ties_beyond_sixteen_are_exact_too():
    """Forty differences of three sizes: against a million random signs."""
    differences = np.random.default_rng(1).integers(-2, 4, 40)
    ranks = stats.rankdata(np.abs(differences[differences != 0]))
    positive = ranks[differences[differences != 0] > 0].sum()
    drawn = np.random.default_rng(2).random((1_000_000, len(ranks)), dtype=np.float32) < 0.5
    away = np.abs(drawn @ ranks - ranks.sum() / 2)
    assert signed_rank_p(differences) == pytest.approx(
        (away >= abs(positive - ranks.sum() / 2) - 1e-9).mean(), abs=5e-4
    )


def test_rounding_is_neither_a_difference_nor_breaks_a_tie():
    assert signed_rank_p([1e-17, -3e-10, 9e-10]) == 1.0 == smallest_signed_rank_p([1e-17, 5e-10])
    assert signed_rank_p([0.1, 0.2, 0.3, 1e-10]) == 0.25
    near, exact = [0.3 - 0.2, -(0.2 - 0.1), 0.4 - 0.3, 0.5], [0.1, -0.1, 0.1, 0.5]
    assert signed_rank_p(near) == pytest.approx(enumerated_p(exact))
    assert rank_biserial(near) == pytest.approx((2 + 2 + 4 - 2) / 10)


def test_many_patients_use_the_exact_distribution():
    differences = np.random.default_rng(0).normal(0.5, 1, 30).tolist()
    assert signed_rank_p(differences) == pytest.approx(stats.wilcoxon(differences, method="exact").pvalue)


@pytest.mark.parametrize(("n", "least"), [(3, 0.25), (4, 0.125), (6, 0.03125), (8, 0.0078125)])
def test_the_smallest_signed_rank_p_that_n_can_give(n, least):
    differences = list(range(1, n + 1))
    assert smallest_signed_rank_p(differences) == least == pytest.approx(signed_rank_p(differences))
    assert smallest_signed_rank_p([*differences, 0.0]) == least


def test_rank_biserial_by_hand():
    assert rank_biserial([1, 2, 3]) == 1 and rank_biserial([-1, -2]) == -1
    assert rank_biserial([1, -2, 3]) == pytest.approx((1 - 2 + 3) / 6)
    assert rank_biserial([0.0, 0.0]) is None


def test_hodges_lehmann_is_the_median_of_pairwise_means():
    assert hodges_lehmann([1.0, 2.0, 6.0]) == pytest.approx(np.median([1, 1.5, 3.5, 2, 4, 6]))
    assert hodges_lehmann([]) is None


def test_two_differences_have_no_interval():
    assert hodges_lehmann_interval([0.1, 0.2]) is None


@pytest.mark.parametrize(("n", "level"), [(3, 0.75), (4, 0.875), (5, 0.9375), (6, 0.96875)])
def test_the_interval_says_the_level_it_reaches(n, level):
    differences = np.random.default_rng(n).normal(size=n)
    low, high, achieved = hodges_lehmann_interval(differences)
    assert achieved == pytest.approx(level)
    assert (low, high) == (differences.min(), differences.max())  # the widest there is


def test_the_interval_inverts_the_test():
    differences = np.random.default_rng(4).normal(0.4, 1, 10)
    low, high, achieved = hodges_lehmann_interval(differences)
    assert achieved >= 0.95
    inside, outside = 1e-9, -1e-9
    assert signed_rank_p(differences - (low + inside)) > 1 - achieved
    assert signed_rank_p(differences - (low + outside)) <= 1 - achieved + 1e-12
    assert signed_rank_p(differences - (high - inside)) > 1 - achieved


def test_corrected_t_by_hand():
    differences = [0.1, 0.3, 0.2, 0.4]
    spread = np.std(differences, ddof=1)
    assert corrected_t(differences) == pytest.approx(0.25 / np.sqrt((1 / 4 + 1 / 3) * spread**2))
    assert corrected_t([0.1, 0.2]) is None and corrected_t([0.1, 0.1, 0.1]) is None
