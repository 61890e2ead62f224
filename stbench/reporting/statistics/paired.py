"""Two methods on the same patients: tests, effect sizes and intervals of their differences.

`differences` are per-patient differences, first method minus second. Zeros carry no sign and are left out of the
signed-rank test (Wilcoxon's own rule), not out of the estimates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from stbench.reporting.statistics.averages import mean, standard_deviation

# Up to here all 2^n assignments of signs are enumerated, ties or not.
_MOST_ENUMERATED = 16
# A spread this small beside the mean is rounding.
_ROUNDING = 1e-12

Differences = Sequence[float] | np.ndarray


def signed_rank_p(differences: Differences) -> float:
    """Two-sided exact p of Wilcoxon's signed-rank test; 1 where no difference has a sign.

    All assignments of signs are enumerated up to 16 non-zero differences; beyond that the exact distribution is
    used where no two differences tie, and 100,000 random assignments where some do.
    """
    from scipy.stats import PermutationMethod, wilcoxon

    values = _with_sign(differences)
    n = len(values)
    if n < 2:
        return 1.0  # no sign, or one: both of its assignments are as extreme
    method: Any
    if n <= _MOST_ENUMERATED:
        method = PermutationMethod(n_resamples=2**n)
    elif len(np.unique(np.abs(values))) == n:
        method = "exact"
    else:
        method = PermutationMethod(n_resamples=100_000, rng=np.random.default_rng(0))
    result: Any = wilcoxon(values, method=method)
    return float(result.pvalue)


def smallest_p(differences: Differences) -> float:
    """The smallest two-sided p that so many non-zero differences could give: 2 / 2^n, all of one sign."""
    return min(1.0, 2.0 ** (1 - len(_with_sign(differences))))


def rank_biserial(differences: Differences) -> float | None:
    """(sum of positive ranks - sum of negative ranks) / sum of ranks, from -1 to 1; None without a sign."""
    from scipy.stats import rankdata

    values = _with_sign(differences)
    if len(values) == 0:
        return None
    ranks = rankdata(np.abs(values))
    return float((ranks * np.sign(values)).sum() / ranks.sum())


def hodges_lehmann(differences: Differences) -> float | None:
    """Median of the Walsh averages (d_i + d_j) / 2, i <= j: the signed-rank test's own estimate."""
    return float(np.median(_walsh_averages(differences))) if len(differences) else None


def hodges_lehmann_interval(
    differences: Differences, level: float = 0.95
) -> tuple[float, float, float] | None:
    """(low, high, achieved level) of the signed-rank interval; None with fewer than two differences.

    Both ends are Walsh averages, so that only certain levels exist: the smallest at or above `level`, or the
    widest there is (75 % at n = 3, 87.5 % at 4, 93.75 % at 5).
    """
    n = len(differences)
    if n < 2:
        return None
    averages = np.sort(_walsh_averages(differences))
    tail = np.cumsum(_signed_rank_probabilities(n))  # P(T <= t)
    allowed = np.flatnonzero(2 * tail <= 1 - level + 1e-12)
    cut = int(allowed[-1]) if len(allowed) else 0
    return float(averages[cut]), float(averages[len(averages) - 1 - cut]), float(1 - 2 * tail[cut])


def corrected_t(differences: Differences) -> float | None:
    """Nadeau and Bengio's t: mean / sqrt((1/n + 1/(n - 1)) s^2) for leave-one-out folds that share training data.

    A sensitivity check for the patient split (Machine Learning 52:239, 2003). None where the spread is 0 or n < 3.
    """
    n, centre, spread = len(differences), mean(list(differences)), standard_deviation(list(differences))
    if n < 3 or centre is None or spread is None or spread <= _ROUNDING * abs(centre):
        return None
    return centre / math.sqrt((1 / n + 1 / (n - 1)) * spread**2)


def _with_sign(differences: Differences) -> np.ndarray:
    values = np.asarray(differences, dtype=float)
    return values[values != 0]


def _walsh_averages(differences: Differences) -> np.ndarray:
    values = np.asarray(differences, dtype=float)
    rows, columns = np.triu_indices(len(values))
    return (values[rows] + values[columns]) / 2


@cache
def _signed_rank_probabilities(n: int) -> np.ndarray:
    """P(T = t) for t = 0 .. n (n + 1) / 2 where every rank is positive with probability 1/2."""
    probabilities = np.array([1.0])
    for rank in range(1, n + 1):
        without = np.append(probabilities, np.zeros(rank))
        probabilities = (without + np.append(np.zeros(rank), probabilities)) / 2
    return probabilities
