"""Joint sign flips against enumeration written another way, scipy's permutation test, and cases worked by hand."""

from __future__ import annotations

import itertools
import math
from statistics import fmean, stdev

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from stbench.reporting.statistics.sign_flips import flip_test, least_p


def studentised(values: list[float]) -> float:
    """|mean| / (s / sqrt(n)): 0 where all are zero, infinite where they are equal and not zero."""
    if not any(values):
        return 0.0
    spread = stdev(values)
    return abs(fmean(values)) * math.sqrt(len(values)) / spread if spread > 1e-12 else math.inf


def enumerated(rivals: list[list[float]]) -> tuple[list[float], list[float]]:
    """p alone and by step-down maxT, one flip after the other."""

    def as_large(reached: float, observed: float) -> bool:
        return reached == observed or reached >= observed * (1 - 1e-9)

    observed = [studentised(values) for values in rivals]
    flips = list(itertools.product([1, -1], repeat=len(rivals[0])))
    flipped = [
        [studentised([s * v for s, v in zip(f, values, strict=True)]) for values in rivals] for f in flips
    ]
    alone = [fmean(as_large(row[j], observed[j]) for row in flipped) for j in range(len(rivals))]
    order = sorted(range(len(rivals)), key=lambda j: -observed[j])
    adjusted, so_far = [0.0] * len(rivals), 0.0
    for place, j in enumerate(order):
        left = order[place:]
        so_far = max(so_far, fmean(as_large(max(row[i] for i in left), observed[j]) for row in flipped))
        adjusted[j] = so_far
    return alone, adjusted


def test_three_patients_by_hand():
    # T = 2 * sqrt(3) / 1: only all plus and all minus reach it. T of (1, 1, -1): any flip that leaves one odd one out
    # has it, and the two without are infinite, so that all 8 of 8 reach it.
    found = flip_test(np.array([[1.0, 2.0, 3.0], [1.0, 1.0, -1.0]]).T)
    assert found.p.tolist() == [0.25, 1.0]
    # Jointly: of the first's 8 flips the second is infinite at (+, +, -) and (-, -, +), which the first does not reach.
    assert found.p_adjusted.tolist() == [0.5, 1.0]


def test_four_patients_by_hand():
    # The sum is 8. Of the sums of +-1 +-2 +-3 +-4 only 8, 10 and their opposites are as far from 0: 4 of 16 flips.
    found = flip_test(np.array([[-1.0, 2.0, 3.0, 4.0]]).T)
    assert found.p.tolist() == [4 / 16] == found.p_adjusted.tolist()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("n", [3, 4])
def test_small_cases_are_the_enumeration(n, seed):
    rivals = np.random.default_rng(seed).normal(0.5, 1, (4, n)).tolist()
    found = flip_test(np.array(rivals).T)
    alone, adjusted = enumerated(rivals)
    assert found.p == pytest.approx(alone) and found.p_adjusted == pytest.approx(adjusted)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.lists(st.integers(-3, 3), min_size=5, max_size=5), min_size=1, max_size=4))
def test_ties_zeros_and_equal_differences_are_the_enumeration(rivals):
    rivals = [[float(v) for v in values] for values in rivals]
    found = flip_test(np.array(rivals).T)
    alone, adjusted = enumerated(rivals)
    assert found.p == pytest.approx(alone) and found.p_adjusted == pytest.approx(adjusted)


@pytest.mark.parametrize("n", [3, 6, 10])
def test_a_single_rival_is_scipys_permutation_test(n):
    differences = np.random.default_rng(n).normal(0.4, 1, n)
    expected = stats.permutation_test(
        (differences,),
        lambda d, axis: abs(d.mean(axis=axis)),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
        alternative="greater",
    ).pvalue
    found = flip_test(differences[:, None])
    assert found.p == pytest.approx([expected]) == found.p_adjusted


def test_equal_differences_reach_the_least_p_and_zeros_none():
    # 0.25 - 0.2 and 0.35 - 0.3 differ by rounding; T is infinite all the same.
    equal = np.array([0.25 - 0.2, 0.35 - 0.3, 0.15 - 0.1, 0.45 - 0.4, 1.05 - 1.0, 0.5 - 0.45])
    noise = np.array([1e-17, -3e-10, 5e-10, 0, 9e-10, 1e-12])
    found = flip_test(np.array([equal, noise]).T)
    assert found.p.tolist() == [2 / 64, 1.0] and found.p_adjusted.tolist() == [2 / 64, 1.0]


def test_a_mean_of_zero_is_no_evidence_whatever_its_rounding():
    differences = np.array([0.1, -0.1, 0.3, -0.3, 0.7, -0.7])
    assert flip_test(differences[:, None]).p.tolist() == [1.0]
    assert flip_test(differences[::-1, None]).p.tolist() == [1.0]


def test_the_least_p_does_not_rise_with_the_number_of_rivals():
    random = np.random.default_rng(0)
    strong = random.normal(0.1, 0.01, (8, 1)) + random.normal(0, 0.001, (8, 30))
    assert flip_test(strong).p_adjusted == pytest.approx(np.full(30, 2 / 2**8))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(3, 7).flatmap(
        lambda n: st.lists(st.lists(st.integers(-2, 2), min_size=n, max_size=n), min_size=1)
    )
)
def test_no_p_lies_below_the_least(rivals):
    found = flip_test(np.array(rivals, dtype=float).T)
    for values, p, p_adjusted in zip(rivals, found.p, found.p_adjusted, strict=True):
        assert least_p(values) <= p <= p_adjusted <= 1


def test_many_patients_are_sampled_close_to_the_t_test():
    differences = np.random.default_rng(5).normal(0.35, 1, (40, 3))
    found = flip_test(differences)
    expected = stats.ttest_1samp(differences, 0).pvalue
    assert found.p == pytest.approx(expected, abs=0.006)
    assert (found.p_adjusted >= found.p).all() and (found.p >= [least_p(d) for d in differences.T]).all()
    again = flip_test(differences)
    assert (again.p == found.p).all() and (again.p_adjusted == found.p_adjusted).all()


def test_strata_are_studentised_apart():
    # Two data sets of three patients; the second is noisier, its mean counts as much.
    one, other = [1.0, 2.0, 4.0], [5.0, -3.0, 6.0]
    observed = (fmean(one) + fmean(other)) ** 2 / (stdev(one) ** 2 / 3 + stdev(other) ** 2 / 3)
    reached = []
    for signs in itertools.product([1, -1], repeat=6):
        a = [s * v for s, v in zip(signs[:3], one, strict=True)]
        b = [s * v for s, v in zip(signs[3:], other, strict=True)]
        reached.append((fmean(a) + fmean(b)) ** 2 / (stdev(a) ** 2 / 3 + stdev(b) ** 2 / 3))
    found = flip_test(np.array([[*one, *other]]).T, [0, 0, 0, 1, 1, 1])
    assert found.p == pytest.approx([fmean(r >= observed * (1 - 1e-9) for r in reached)])
    assert 2 / 64 < found.p[0] < 1
