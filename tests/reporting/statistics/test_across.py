"""One verdict a method over several data sets."""

from __future__ import annotations

import itertools
import math
from statistics import fmean, stdev

import numpy as np
import pytest
from scipy import stats

from stbench.reporting.statistics import compare_across

LEVELS = {"her2": 4, "cscc": 3, "alex": 2}


def tables(**shifts: float) -> dict[str, dict[str, dict[str, float]]]:
    random = np.random.default_rng(3)
    made: dict[str, dict[str, dict[str, float]]] = {}
    for dataset, n in LEVELS.items():
        base = random.normal(0.2, 0.05, n)
        rows = {"smooth": base} | {name: base + s + random.normal(0, 0.01, n) for name, s in shifts.items()}
        made[dataset] = {
            name: {f"{dataset}{i}": float(v) for i, v in enumerate(values)} for name, values in rows.items()
        }
    return made


def differences(of: dict[str, dict[str, dict[str, float]]], method: str) -> list[list[float]]:
    return [[row[method][p] - row["smooth"][p] for p in row["smooth"]] for row in of.values()]


def statistic(strata: list[list[float]]) -> float:
    return abs(sum(map(fmean, strata))) / math.sqrt(
        sum(stdev(values) ** 2 / len(values) for values in strata)
    )


def test_the_adjusted_p_is_the_enumeration_over_all_patients():
    of = tables(good=0.01, poor=-0.006)
    good, poor = differences(of, "good"), differences(of, "poor")
    flipped = []
    for signs in itertools.product([1, -1], repeat=9):
        cut = [signs[:4], signs[4:7], signs[7:]]
        flipped.append(
            [
                statistic(
                    [[s * v for s, v in zip(*pair, strict=True)] for pair in zip(cut, of_method, strict=True)]
                )
                for of_method in (good, poor)
            ]
        )
    first, second = compare_across(of, "smooth")
    assert (first.method, second.method) == ("good", "poor")
    assert first.datasets == tuple(sorted(LEVELS)) and first.n == 9
    assert statistic(good) > statistic(poor)
    top = fmean(max(row) >= statistic(good) * (1 - 1e-9) for row in flipped)
    assert first.p == pytest.approx(fmean(row[0] >= statistic(good) * (1 - 1e-9) for row in flipped))
    assert first.p_adjusted == pytest.approx(top)
    below = fmean(row[1] >= statistic(poor) * (1 - 1e-9) for row in flipped)
    assert second.p == pytest.approx(below) and second.p_adjusted == pytest.approx(max(top, below))


def test_data_sets_weigh_equally_and_the_interval_is_welchs():
    of = tables(good=0.05)
    del of["alex"]
    (found,) = compare_across(of, "smooth")
    one, other = differences(of, "good")
    assert found.difference == pytest.approx((fmean(one) + fmean(other)) / 2)
    # The sum of two means is the difference of one and the negative of the other, which scipy has.
    welch = stats.ttest_ind(one, [-v for v in other], equal_var=False).confidence_interval()
    assert found.interval == pytest.approx((welch.low / 2, welch.high / 2))
    assert found.verdict == "better" and found.p_adjusted == 2 / 2**7 == found.least_p_adjusted


def test_two_data_sets_that_cannot_tell_alone_tell_together():
    of = {
        name: {
            "smooth": {f"{name}{i}": 0.1 * i for i in range(4)},
            "good": {f"{name}{i}": 0.1 * i + 0.05 + 0.001 * i for i in range(4)},
        }
        for name in ("a", "b")
    }
    (found,) = compare_across(of, "smooth")
    assert found.verdict == "better" and found.p_adjusted == 2 / 2**8


def test_only_methods_with_two_patients_in_two_data_sets():
    of = tables(good=0.05, half=0.05, thin=0.05)
    for dataset in ("cscc", "alex"):
        del of[dataset]["half"]
    for dataset in ("cscc", "alex"):
        of[dataset]["thin"] = dict(list(of[dataset]["thin"].items())[:1])
    assert [found.method for found in compare_across(of, "smooth")] == ["good"]
    assert compare_across({"her2": of["her2"]}, "smooth") == []
    assert compare_across(of, "absent") == []


def test_methods_over_other_patients_are_corrected_for_and_do_not_spoil_the_rest():
    of = tables(a=0.05, b=0.05, c=0.05, d=0.05)
    full = {found.method: found for found in compare_across(of, "smooth")}
    assert all(found.p_adjusted == 2 / 2**9 for found in full.values())
    del of["her2"]["d"]  # five patients are left to it
    found = {one.method: one for one in compare_across(of, "smooth")}
    assert found["d"].p == 2 / 2**5 and found["d"].p_adjusted == 4 * 2 / 2**5 and found["d"].n == 5
    assert all(found[name].p_adjusted == pytest.approx(4 / 3 * 2 / 2**9) for name in "abc")
    assert all(one.least_p_adjusted <= one.p_adjusted for one in found.values())


def test_what_is_alike_everywhere_is_equivalent():
    of = tables(same=0.0)
    for rows in of.values():
        rows["same"] = dict(rows["smooth"])
    (found,) = compare_across(of, "smooth")
    assert found.p == found.p_adjusted == 1 and found.verdict == "equivalent" and found.difference == 0
