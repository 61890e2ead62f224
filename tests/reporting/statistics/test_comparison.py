"""Verdicts that n can carry; sign flips within a family, Wilcoxon with Holm beside."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from stbench.reporting.statistics.comparison import Comparison, compare_with_reference
from stbench.reporting.statistics.holm import holm
from stbench.reporting.statistics.verdicts import verdict


def scores(n: int, **shifts: float) -> dict[str, dict[str, float]]:
    base = np.random.default_rng(0).normal(0.2, 0.03, n)
    table = {"ridge": dict(zip(map(str, range(n)), base.tolist(), strict=True))}
    for i, (name, shift) in enumerate(shifts.items(), start=1):
        noise = np.random.default_rng(i).normal(0, 0.002, n)
        table[name] = dict(zip(map(str, range(n)), (base + shift + noise).tolist(), strict=True))
    return table


def compared(*args, **more) -> dict[str, Comparison]:
    return {found.method: found for found in compare_with_reference(*args, **more)}


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


@pytest.mark.parametrize("n", [1, 3, 12])
def test_holm_is_statsmodels(n):
    p_values = np.random.default_rng(n).random(n).round(1) ** 3  # some of them tie
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


def test_two_patients_have_no_test_and_no_interval():
    (found,) = compare_with_reference(scores(2, strong=0.2), "ridge")
    assert found.p is found.p_adjusted is found.least_p is found.least_p_adjusted is None
    assert found.wilcoxon_p is found.wilcoxon_p_holm is found.wilcoxon_least_p_holm is None
    assert found.interval is found.margin is found.location_interval is found.corrected_t is None
    assert found.difference == pytest.approx(0.2, abs=0.01)
    assert found.verdict == "cannot be told with n=2"


def test_three_patients_cannot_tell_even_a_large_difference():
    (found,) = compare_with_reference(scores(3, strong=0.2), "ridge")
    assert found.p == found.least_p == found.wilcoxon_p == 0.25
    assert found.verdict == "cannot be told with n=3"
    assert found.location_level == pytest.approx(0.75) and found.margin is not None


def test_nine_rivals_of_eight_patients_are_told_by_flips_and_never_by_holm():
    for found in compare_with_reference(scores(8, **{f"m{i}": 0.1 for i in range(9)}), "ridge"):
        assert found.wilcoxon_least_p_holm == pytest.approx(0.0703125)
        assert found.wilcoxon_p_holm >= 0.07
        assert found.least_p_adjusted == 2 / 2**8 == found.p_adjusted
        assert found.verdict == "better"


def test_better_worse_and_their_numbers_against_scipy():
    table = scores(8, strong=0.05, weak=-0.05)
    strong, weak = compare_with_reference(table, "ridge")
    assert (strong.verdict, weak.verdict) == ("better", "worse")
    differences = [table["strong"][u] - table["ridge"][u] for u in table["ridge"]]
    assert strong.wilcoxon_p == pytest.approx(stats.wilcoxon(differences, method="exact").pvalue)
    reference = stats.ttest_1samp(differences, 0).confidence_interval()
    assert strong.interval == pytest.approx((reference.low, reference.high))
    assert strong.effect == 1 and not strong.pseudo_replicated


def test_wilcoxon_with_holm_is_statsmodels_over_scipys():
    table = scores(9, **{f"m{i}": 0.001 * i for i in range(5)})
    found = compare_with_reference(table, "ridge")
    raw = [
        stats.wilcoxon(
            [table[c.method][u] - table["ridge"][u] for u in table["ridge"]], method="exact"
        ).pvalue
        for c in found
    ]
    assert [c.wilcoxon_p for c in found] == pytest.approx(raw)
    assert [c.wilcoxon_p_holm for c in found] == pytest.approx(multipletests(raw, method="holm")[1])


def test_a_rival_that_lacks_a_patient_is_tested_alone_and_costs_the_others_its_share_of_the_error_only():
    full = compared(scores(8, a=0.05, b=0.05, c=0.05), "ridge")
    table = scores(8, a=0.05, b=0.05, c=0.05)
    for patient in ("3", "4", "5", "6"):
        del table["c"][patient]
    found = compared(table, "ridge")
    assert found["c"].alone and found["c"].n == 4
    assert found["c"].p == found["c"].least_p == 2 / 2**4
    assert found["c"].p_adjusted == found["c"].least_p_adjusted == 3 * 2 / 2**4
    for name in "ab":
        assert not found[name].alone and found[name].n == 8
        assert full[name].p_adjusted == 2 / 2**8  # and not 2 / 2**4, which patients of c alone could give
        assert found[name].p_adjusted == found[name].least_p_adjusted == pytest.approx(3 / 2 * 2 / 2**8)


def test_a_rival_with_two_patients_has_no_test_and_the_others_have():
    table = scores(6, a=0.05, b=0.05)
    table["b"] = {patient: table["b"][patient] for patient in ("0", "1")}
    found = compared(table, "ridge")
    assert found["b"].p is None and found["b"].verdict == "cannot be told with n=2"
    assert found["a"].verdict == "better" and found["a"].wilcoxon_p_holm == found["a"].wilcoxon_p


def test_families_are_corrected_apart():
    random = np.random.default_rng(2)
    units = [str(i) for i in range(7)]
    names = ["ridge", "m1", "m2", "floor", "depth"]
    table = {name: dict(zip(units, random.normal(0.2, 0.03, 7).tolist(), strict=True)) for name in names}
    families = {"m1": "methods", "m2": "methods", "floor": "floors", "depth": "floors"}
    found = compared(table, "ridge", families=families)
    assert {name: one.family for name, one in found.items()} == families
    for family in ("methods", "floors"):
        members = [name for name in families if families[name] == family]
        apart = compared({name: table[name] for name in ("ridge", *members)}, "ridge")
        for name in members:
            assert found[name].p_adjusted == apart[name].p_adjusted
            assert found[name].wilcoxon_p_holm == apart[name].wilcoxon_p_holm
    assert {one.family for one in compare_with_reference(table, "ridge")} == {"methods"}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(-3, 3), min_size=6, max_size=6), min_size=1, max_size=5), st.integers(3, 6)
)
def test_no_attained_p_lies_below_its_least(rivals, n_of_last):
    """Ties, zeros and a rival that lacks patients: whole hundredths, so that all of them occur."""
    units = list("abcdef")
    table = {f"m{i}": {u: d / 100 for u, d in zip(units, row, strict=True)} for i, row in enumerate(rivals)}
    table["m0"] = {u: table["m0"][u] for u in units[:n_of_last]}
    for found in compare_with_reference(table | {"ridge": dict.fromkeys(units, 0.0)}, "ridge"):
        assert 0 < found.least_p <= found.p <= found.p_adjusted <= 1
        assert found.least_p <= found.least_p_adjusted <= found.p_adjusted
        assert found.least_p <= found.wilcoxon_p <= found.wilcoxon_p_holm <= 1
        assert found.wilcoxon_least_p_holm <= found.wilcoxon_p_holm + 1e-12


def test_rows_of_one_and_two_threads_do_not_differ():
    table = scores(6, same=0.0)
    table["same"] = {
        unit: score + 1e-17 + 4e-16 * i for i, (unit, score) in enumerate(table["ridge"].items())
    }
    (found,) = compare_with_reference(table, "ridge")
    assert found.p == found.p_adjusted == found.wilcoxon_p == found.least_p == 1
    assert found.difference == 0 and found.effect is None and found.verdict == "equivalent"


def test_only_units_that_both_have_are_paired():
    table = scores(5, other=0.05)
    del table["other"]["3"]
    (found,) = compare_with_reference(table, "ridge", unit="slide")
    assert found.n == 4 and found.pseudo_replicated


def test_thousands_of_pairs_are_tested_in_seconds():
    """The published pairing over genes and slides: all pairwise averages would need gigabytes."""
    random = np.random.default_rng(0)
    names, base = [f"slide gene{i}" for i in range(1500)], random.normal(0.2, 0.1, 1500)
    rival = base + random.normal(0.002, 0.05, 1500)
    table = {
        "ridge": dict(zip(names, base.tolist(), strict=True)),
        "eggn": dict(zip(names, rival.tolist(), strict=True)),
    }
    (found,) = compare_with_reference(table, "ridge", unit="gene-and-slide pair")
    assert found.wilcoxon_p == pytest.approx(stats.wilcoxon(rival - base).pvalue)
    assert found.p == pytest.approx(stats.ttest_1samp(rival - base, 0).pvalue, abs=0.005)
    assert found.location is found.location_interval is None


@pytest.mark.parametrize(
    ("n", "p_adjusted", "interval", "narrow", "expected"),
    [
        (8, 0.01, (0.02, 0.05), (0.025, 0.045), "better"),
        (8, 0.01, (-0.05, -0.02), (-0.045, -0.025), "worse"),
        (8, 0.01, (0.001, 0.009), (0.002, 0.008), "better, below the margin"),
        (8, 0.01, (-0.009, -0.001), (-0.008, -0.002), "worse, below the margin"),
        (8, 0.01, (-0.001, 0.05), (0.0, 0.04), "cannot be told with n=8"),
        (8, 0.05, (0.001, 0.05), (0.004, 0.04), "cannot be told with n=8"),
        (8, 0.60, (-0.011, 0.008), (-0.009, 0.007), "equivalent"),
        (3, 1.00, (-0.011, 0.008), (-0.009, 0.007), "cannot be told with n=3"),
        (2, None, None, None, "cannot be told with n=2"),
    ],
)
def test_verdicts(n, p_adjusted, interval, narrow, expected):
    assert verdict(n, p_adjusted, interval, narrow) == expected


def test_the_margin_is_the_smallest_within_which_equivalence_would_hold():
    table = scores(6, same=0.0)
    (found,) = compare_with_reference(table, "ridge")
    differences = [table["same"][unit] - table["ridge"][unit] for unit in table["ridge"]]
    low, high = stats.ttest_1samp(differences, 0).confidence_interval(0.90)
    assert found.margin == pytest.approx(max(-low, high))
    assert found.verdict == "equivalent"
