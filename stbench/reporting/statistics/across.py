"""One verdict a method over several data sets: the same sign flips, patients of each data set within it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stbench.reporting.statistics.averages import mean, standard_deviation
from stbench.reporting.statistics.differences import paired_differences
from stbench.reporting.statistics.intervals import Interval, t_quantile
from stbench.reporting.statistics.sign_flips import flip_test, least_p
from stbench.reporting.statistics.verdicts import verdict

LEAST_DATASETS = 2
LEAST_PATIENTS_EACH = 2

# Data set -> label -> patient -> score.
Tables = Mapping[str, Mapping[str, Mapping[str, float]]]
# Data set -> differences, a patient each.
Strata = dict[str, list[float]]


@dataclass(frozen=True)
class AcrossDatasets:
    """One method against the reference over the data sets that hold both; differences are method minus reference.

    n             patients of all data sets together
    difference    mean over data sets of the mean difference over patients
    p             two-sided by sign flips, T = sum of mean differences / sqrt(sum of s^2 / n)
    p_adjusted    by step-down maxT over the methods with the same patients; where there are several such groups,
                  times (number of all methods / number in the group), which keeps the family-wise error
    least_p, -_adjusted   what so many non-zero differences could give at best
    interval      95 % t interval of the difference, with Welch and Satterthwaite's degrees of freedom
    """

    method: str
    reference: str
    datasets: tuple[str, ...]
    n: int
    difference: float
    p: float
    p_adjusted: float
    verdict: str
    interval: Interval
    least_p: float
    least_p_adjusted: float


def compare_across(tables: Tables, reference: str) -> list[AcrossDatasets]:
    """Every method that shares at least two patients with `reference` in at least two of the data sets.

    tables  data set -> method -> patient -> score; of a data set that holds several tables, one
    """
    shared = {name: _strata(tables, name, reference) for name in _labels(tables) if name != reference}
    shared = {name: strata for name, strata in shared.items() if len(strata) >= LEAST_DATASETS}
    groups: dict[object, list[str]] = {}
    for name in shared:
        groups.setdefault(_coverage(tables, name, reference, shared[name]), []).append(name)
    found = [
        _compared(name, reference, shared[name], p, p_adjusted, len(shared) / len(names))
        for names in groups.values()
        for name, p, p_adjusted in _tested({name: shared[name] for name in names})
    ]
    return sorted(found, key=lambda one: one.method)


def _labels(tables: Tables) -> list[str]:
    return sorted({label for table in tables.values() for label in table})


def _strata(tables: Tables, method: str, reference: str) -> Strata:
    """The differences of each data set in which both share patients enough."""
    both = {name: table for name, table in sorted(tables.items()) if method in table and reference in table}
    found = {name: paired_differences(table[method], table[reference]) for name, table in both.items()}
    return {name: values for name, values in found.items() if len(values) >= LEAST_PATIENTS_EACH}


def _coverage(tables: Tables, method: str, reference: str, strata: Strata) -> object:
    """The patients that are flipped: only methods with the same ones are flipped jointly."""
    return tuple(
        (name, tuple(sorted(tables[name][method].keys() & tables[name][reference].keys()))) for name in strata
    )


def _tested(group: Mapping[str, Strata]) -> list[tuple[str, float, float]]:
    """(method, p, p within the group) of methods with the same patients."""
    first = next(iter(group.values()))
    of_stratum = [place for place, values in enumerate(first.values()) for _ in values]
    columns = [[value for values in strata.values() for value in values] for strata in group.values()]
    test = flip_test(np.array(columns).T, of_stratum)
    return list(zip(group, test.p.tolist(), test.p_adjusted.tolist(), strict=True))


def _compared(
    method: str, reference: str, strata: Strata, p: float, within_group: float, share: float
) -> AcrossDatasets:
    values = [value for of_dataset in strata.values() for value in of_dataset]
    p_adjusted, least = min(1.0, within_group * share), least_p(values)
    difference, interval = _interval(list(strata.values()), 0.95)
    return AcrossDatasets(
        method=method,
        reference=reference,
        datasets=tuple(strata),
        n=len(values),
        difference=difference,
        p=p,
        p_adjusted=p_adjusted,
        verdict=verdict(len(values), p_adjusted, interval, _interval(list(strata.values()), 0.90)[1]),
        interval=interval,
        least_p=least,
        least_p_adjusted=min(1.0, least * share),
    )


def _interval(strata: Sequence[list[float]], level: float) -> tuple[float, Interval]:
    """Mean of the strata's means and its t interval; degrees of freedom as Welch and Satterthwaite have them."""
    centre = math.fsum(mean(values) or 0.0 for values in strata) / len(strata)
    squares = [(standard_deviation(values) or 0.0) ** 2 / len(values) for values in strata]
    total = math.fsum(squares)
    if total == 0:
        return centre, (centre, centre)
    parts = (square**2 / (len(values) - 1) for square, values in zip(squares, strata, strict=True))
    half = t_quantile(total**2 / math.fsum(parts), level) * math.sqrt(total) / len(strata)
    return centre, (centre - half, centre + half)
