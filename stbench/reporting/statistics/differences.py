"""Differences of two methods on the same units, and which of them are none.

Results of one thread and of two differ by 1e-17: a difference below 1e-9 is rounding and counts as zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

ZERO = 1e-9

Differences = Sequence[float] | np.ndarray


def paired_differences(first: Mapping[str, float], second: Mapping[str, float]) -> list[float]:
    """First minus second on every unit that both have, in the order of the units' names; rounding is 0."""
    shared = sorted(first.keys() & second.keys())
    return without_rounding([first[unit] - second[unit] for unit in shared]).tolist()


def without_rounding(differences: Differences) -> np.ndarray:
    """The differences, with those below 1e-9 set to zero."""
    values = np.asarray(differences, dtype=float)
    return np.where(np.abs(values) < ZERO, 0.0, values)


def with_sign(differences: Differences) -> np.ndarray:
    """The differences that are not zero: only these carry a sign."""
    values = without_rounding(differences)
    return values[values != 0]
