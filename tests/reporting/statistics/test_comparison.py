"""Verdicts that n can carry, and Holm over one family."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from stbench.reporting.statistics.comparison import compare_with_reference, holm, verdict


def scores(n: int, **shifts: float) -> dict[str, dict[str, float]]:
    base = np.random.default_rng(0).normal(0.2, 0.03, n)
    table = {"ridge": dict(zip(map(str, range(n)), base, strict=True))}
    for i, (name, shift) in enumerate(shifts.items(), start=1):
        noise = np.random.default_rng(i).normal(0, 0.002, n)
        table[name] = dict(zip(map(str, range(n)), base + shift + noise, strict=True))
    return table


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


def test_three_patients_cannot_tell_even_a_large_difference():
    (found,) = compare_with_reference(scores(3, strong=0.2), "ridge")
    assert found.p == 0.25 and found.smallest_p == 0.25
    assert found.verdict == "cannot be told with n=3"
    assert found.location_level == pytest.approx(0.75)
    assert found.difference == pytest.approx(0.2, abs=0.01)


def test_eight_patients_and_nine_rivals_cannot_reach_significance_after_holm():
    rivals = {f"m{i}": 0.1 for i in range(9)}
    for found in compare_with_reference(scores(8, **rivals), "ridge"):
        assert found.smallest_p_holm == pytest.approx(0.0703125)
        assert found.p_holm >= 0.07
        assert found.verdict == "cannot be told with n=8"


def test_better_worse_and_their_numbers_against_scipy():
    table = scores(8, strong=0.05, weak=-0.05)
    strong, weak = compare_with_reference(table, "ridge")
    assert (strong.verdict, weak.verdict) == ("better", "worse")
    differences = [table["strong"][u] - table["ridge"][u] for u in table["ridge"]]
    assert strong.p == pytest.approx(stats.wilcoxon(differences, method="exact").pvalue)
    reference = stats.ttest_1samp(differences, 0).confidence_interval()
    assert strong.interval == pytest.approx((reference.low, reference.high))
    assert strong.effect == 1 and not strong.pseudo_replicated


def test_only_units_that_both_have_are_paired():
    table = scores(5, other=0.05)
    del table["other"]["3"]
    (found,) = compare_with_reference(table, "ridge", unit="slide")
    assert found.n == 4 and found.pseudo_replicated


@pytest.mark.parametrize(
    ("n", "p_holm", "interval", "narrow", "expected"),
    [
        (8, 0.01, (0.02, 0.05), (0.025, 0.045), "better"),
        (8, 0.01, (-0.05, -0.02), (-0.045, -0.025), "worse"),
        (8, 0.01, (0.001, 0.009), (0.002, 0.008), "better, below the margin"),
        (8, 0.01, (-0.001, 0.05), (0.0, 0.04), "cannot be told with n=8"),
        (8, 0.20, (0.001, 0.05), (0.004, 0.04), "cannot be told with n=8"),
        (8, 0.60, (-0.011, 0.008), (-0.009, 0.007), "equivalent"),
        (3, 1.00, (-0.011, 0.008), (-0.009, 0.007), "cannot be told with n=3"),
        (1, 1.00, None, None, "cannot be told with n=1"),
    ],
)
def test_verdicts(n, p_holm, interval, narrow, expected):
    assert verdict(n, p_holm, interval, narrow) == expected


def test_the_margin_is_the_smallest_within_which_equivalence_would_hold():
    (found,) = compare_with_reference(scores(6, same=0.0), "ridge")
    differences = [
        s - r
        for s, r in zip(*[list(scores(6, same=0.0)[k].values()) for k in ("same", "ridge")], strict=True)
    ]
    low, high = stats.ttest_1samp(differences, 0).confidence_interval(0.90)
    assert found.margin == pytest.approx(max(-low, high))
    assert found.verdict == "equivalent"
