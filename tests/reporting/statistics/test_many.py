"""Friedman's test, ranks and pairwise tests against scipy, other formulas and enumeration."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from stbench.reporting.statistics.many import friedman, mean_ranks, pairwise_p, ranks


def scores(n: int, k: int, effect: float = 0.0) -> np.ndarray:
    return np.random.default_rng(n * 10 + k).normal(size=(n, k)) + effect * np.arange(k)


def test_ranks_start_with_the_best_and_ties_share():
    assert ranks(np.array([[0.1, 0.9, 0.5], [0.3, 0.3, 0.1]])).tolist() == [[3, 1, 2], [1.5, 1.5, 3]]


def statistic(rows: np.ndarray) -> float:
    """Conover's form of the statistic, (k - 1) * sum (R_j - n (k + 1) / 2)^2 / (sum r_ij^2 - n k (k + 1)^2 / 4)."""
    n, k = rows.shape
    spread = (rows**2).sum() - n * k * (k + 1) ** 2 / 4
    return float((k - 1) * ((rows.sum(axis=0) - n * (k + 1) / 2) ** 2).sum() / spread)


def enumerated(table: np.ndarray) -> tuple[float, float]:
    """Statistic and p by permuting every patient's ranks."""
    rows = stats.rankdata(-table, axis=1)
    orders = [list(itertools.permutations(row)) for row in rows]
    reached = np.array([statistic(np.array(chosen)) for chosen in itertools.product(*orders)])
    return statistic(rows), float((reached >= statistic(rows) - 1e-9).mean())


@pytest.mark.parametrize(("n", "k"), [(4, 3), (5, 3)])
def test_exact_p_by_permuting_every_patient(n, k):
    table = scores(n, k, effect=0.5)
    found = friedman(table)
    assert found.exact
    assert (found.statistic, found.p) == pytest.approx(enumerated(table))


@pytest.mark.parametrize("seed", range(5))
def test_ties_are_corrected_for(seed):
    table = np.random.default_rng(seed).integers(0, 3, (4, 3)).astype(float)
    table[0] = 1.0  # one patient ties all methods
    found = friedman(table)
    assert (found.statistic, found.p) == pytest.approx(enumerated(table))
    assert found.statistic == pytest.approx(stats.friedmanchisquare(*table.T).statistic)


def test_where_every_patient_ties_all_methods_there_is_no_difference():
    assert friedman(np.full((5, 3), 0.2))[:2] == (0.0, 1.0)
    rounding = np.full((5, 3), 0.2) + 1e-16 * np.arange(3)
    assert friedman(rounding)[:2] == (0.0, 1.0)


def test_many_patients_are_sampled_and_agree_with_chi_square():
    table = scores(30, 5, effect=0.15)
    found = friedman(table)
    assert not found.exact
    assert found.p == pytest.approx(stats.friedmanchisquare(*table.T).pvalue, rel=0.25)
    assert friedman(table) == found


def test_two_methods_or_three_patients_have_no_friedman():
    assert friedman(scores(5, 2)) is None and friedman(scores(3, 4)) is None


def test_rank_intervals_are_resampled_only_from_eight_patients_on():
    few, many = mean_ranks(scores(5, 3, 1.0)), mean_ranks(scores(9, 3, 1.0))
    assert not few[0].resampled and many[0].resampled
    of_patients = ranks(scores(5, 3, 1.0))
    left_out = [np.delete(of_patients, i, axis=0)[:, 0].mean() for i in range(5)]
    assert (few[0].low, few[0].high) == pytest.approx((min(left_out), max(left_out)))
    for rank in [*few, *many]:
        assert rank.low <= rank.mean <= rank.high


def test_pairs_are_corrected_over_all_pairs():
    table = scores(7, 3, 2.0)
    found = pairwise_p(table)
    assert (found == found.T).all() and (found.diagonal() == 1).all()
    pairs = list(itertools.combinations(range(3), 2))
    differences = np.array([table[:, i] - table[:, j] for i, j in pairs])
    t = np.abs(stats.ttest_1samp(differences, 0, axis=1).statistic)
    largest = [
        np.abs(stats.ttest_1samp(differences * signs, 0, axis=1).statistic).max()
        for signs in itertools.product([1, -1], repeat=7)
    ]
    i, j = pairs[int(t.argmax())]
    assert found[i, j] == pytest.approx(np.mean(np.array(largest) >= t.max() * (1 - 1e-9))) == found.min()


def test_ten_methods_that_differ_clearly_are_told_apart_with_eight_patients():
    """Holm over 45 pairs would need a p below 0.0011, and eight patients give 0.0078 at best."""
    table = np.random.default_rng(0).normal(0, 0.001, (8, 10)) + 0.05 * np.arange(10)
    found = pairwise_p(table)
    assert (found[np.triu_indices(10, 1)] < 0.05).all()
    assert (pairwise_p(table[:2]) == 1).all()
