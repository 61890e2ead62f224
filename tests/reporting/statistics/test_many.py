"""Friedman's test, ranks and pairwise tests against scipy and by enumeration."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from stbench.reporting.statistics.many import friedman, mean_ranks, pairwise_p, ranks
from stbench.reporting.statistics.paired import signed_rank_p
from stbench.reporting.statistics.reliability import gene_reliability


def scores(n: int, k: int, effect: float = 0.0) -> np.ndarray:
    return np.random.default_rng(n * 10 + k).normal(size=(n, k)) + effect * np.arange(k)


def test_ranks_start_with_the_best_and_ties_share():
    assert ranks(np.array([[0.1, 0.9, 0.5], [0.3, 0.3, 0.1]])).tolist() == [[3, 1, 2], [1.5, 1.5, 3]]


@pytest.mark.parametrize(("n", "k"), [(3, 3), (4, 3), (3, 4)])
def test_exact_p_by_permuting_every_patient(n, k):
    table = scores(n, k, effect=0.5)
    found = friedman(table)
    assert found.exact
    assert found.statistic == pytest.approx(stats.friedmanchisquare(*table.T).statistic)
    orders = list(itertools.permutations(range(1, k + 1)))
    reached = []
    for rows in itertools.product(orders, repeat=n):
        sums = np.array(rows).sum(axis=0)
        reached.append(12 / (n * k * (k + 1)) * ((sums - n * (k + 1) / 2) ** 2).sum())
    assert found.p == pytest.approx(np.mean(np.array(reached) >= found.statistic - 1e-9))


def test_many_patients_are_sampled_and_agree_with_chi_square():
    table = scores(30, 5, effect=0.15)
    found = friedman(table)
    assert not found.exact
    assert found.p == pytest.approx(stats.friedmanchisquare(*table.T).pvalue, rel=0.25)


def test_two_methods_or_one_patient_have_no_friedman():
    assert friedman(scores(5, 2)) is None and friedman(scores(1, 4)) is None


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
    smallest = min(signed_rank_p(table[:, i] - table[:, j]) for i, j in ((0, 1), (0, 2), (1, 2)))
    assert found.min() == pytest.approx(3 * smallest)
    assert (found == found.T).all() and (found.diagonal() == 1).all()


def test_a_gene_is_trusted_only_with_enough_patients_and_a_bound_above_zero():
    random = np.random.default_rng(0)
    strong, noise = random.normal(0.3, 0.05, (8, 5)), random.normal(0, 0.2, (8, 95))
    found = gene_reliability(np.concatenate([strong, noise], axis=1))
    assert found.trusted[:5].all() and found.trusted[5:].mean() < 0.1
    raw = stats.ttest_1samp(np.concatenate([strong, noise], axis=1), 0, alternative="greater").pvalue
    np.testing.assert_allclose(found.p, stats.false_discovery_control(raw, method="bh"))
    few = gene_reliability(strong[:5])
    assert not few.trusted.any() and np.isnan(few.p).all()
    np.testing.assert_allclose(few.mean, strong[:5].mean(axis=0))


def test_a_gene_that_some_patients_lack_is_judged_on_the_others():
    table = np.random.default_rng(0).normal(0.3, 0.01, (8, 2))
    table[:3, 1] = np.nan
    found = gene_reliability(table)
    assert found.trusted.tolist() == [True, False]
    assert found.mean[1] == pytest.approx(table[3:, 1].mean())
