"""Many rivals against one reference at once: joint sign flips of the patients, Westfall and Young's step-down maxT.

Where no method differs from the reference, a patient's differences could as well have had the other sign, for all
rivals together. What the largest statistic does under such flips needs no assumption on how rivals depend on one
another, and the smallest p is 2 / 2^n whatever their number.

The statistic is T = (sum of mean differences) / sqrt(sum of s^2 / n) over strata (data sets), which is the usual
studentised mean where there is one; patients are flipped within their stratum. T is 0 where all differences are zero,
infinite where they are equal and not zero. What is compared is T^2 / (1 + T^2), which rises with T, has no infinity
and loses no digits where the differences are nearly equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from stbench.reporting.statistics.differences import Differences, with_sign, without_rounding

LEAST_UNITS_TO_TEST = 3
_MOST_ENUMERATED = 16
_N_RANDOM = 49_999  # the smallest p, 1 / 50,000, stays above 2 / 2^17
_RELATIVE, _ABSOLUTE = 1e-9, 1e-12
_VALUES_AT_ONCE = 4_000_000


class FlipTest(NamedTuple):
    """Two-sided p of each rival, (k,) each: alone, and adjusted within the family."""

    p: np.ndarray
    p_adjusted: np.ndarray


def flip_test(differences: np.ndarray, strata: Sequence[int] | None = None) -> FlipTest:
    """Joint sign flips of differences (n units, k rivals), rival minus reference, nothing missing.

    strata  which stratum each unit belongs to, at least two units each; None for one stratum
    Exact over all 2^n flips up to n = 16, above over 49,999 random ones and the observed one.
    """
    values = without_rounding(differences)
    n, k = values.shape
    of_stratum = np.zeros(n, dtype=int) if strata is None else np.asarray(strata)
    observed = _statistics(np.ones((1, n)), values, of_stratum)[0]
    order = np.argsort(-observed, kind="stable")
    reached = observed * (1 - _RELATIVE) - _ABSOLUTE
    alone, below, n_flips = np.zeros(k), np.zeros(k), 0
    for signs in _flips(n):
        flipped = _statistics(signs, values, of_stratum)
        alone += (flipped >= reached).sum(axis=0)
        # The largest among a rival and those that stand below it: what step-down compares it with.
        largest = np.maximum.accumulate(flipped[:, order[::-1]], axis=1)[:, ::-1]
        below += (largest >= reached[order]).sum(axis=0)
        n_flips += len(signs)
    least = np.array([least_p(column) for column in values.T])
    p = np.maximum(alone / n_flips, least)
    adjusted = np.empty(k)
    adjusted[order] = np.maximum.accumulate(below / n_flips)
    return FlipTest(p, np.maximum(adjusted, p))


def least_p(differences: Differences) -> float:
    """The smallest p that so many non-zero differences could give: 2 / 2^n, or 1 / 50,000 with random flips."""
    smallest = min(1.0, 2.0 ** (1 - len(with_sign(differences))))
    return smallest if len(differences) <= _MOST_ENUMERATED else max(smallest, 1 / (_N_RANDOM + 1))


def _statistics(signs: np.ndarray, values: np.ndarray, of_stratum: np.ndarray) -> np.ndarray:
    """(flips, k) T^2 / (1 + T^2) of values (n, k) under signs (flips, n)."""
    shift = np.zeros((len(signs), values.shape[1]))
    variance = np.zeros_like(shift)
    for stratum in np.unique(of_stratum):
        own = of_stratum == stratum
        n = int(own.sum())
        means = signs[:, own] @ values[own] / n
        shift += means
        # A flip leaves the squares as they are: s^2 / n = (mean square - squared mean) / (n - 1).
        variance += np.maximum((values[own] ** 2).mean(axis=0) - means**2, 0) / (n - 1)
    total = shift**2 + variance
    return np.divide(shift**2, total, out=np.zeros_like(total), where=total > 0)


def _flips(n: int) -> Iterator[np.ndarray]:
    """Blocks of signs (flips, n); every flip and its opposite give the same T, so that one of them stands for both."""
    if n <= _MOST_ENUMERATED:
        codes = np.arange(2 ** (n - 1))
        yield 1.0 - 2.0 * (codes[:, None] >> np.arange(n) & 1)
        return
    random = np.random.default_rng(0)
    yield np.ones((1, n))
    block = max(1, _VALUES_AT_ONCE // n)
    for start in range(0, _N_RANDOM, block):
        size = min(block, _N_RANDOM - start)
        bits = random.integers(256, size=(size, -(-n // 8)), dtype=np.uint8)
        yield 2.0 * np.unpackbits(bits, axis=1, count=n) - 1
