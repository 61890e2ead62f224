"""Two methods on the same patients: Wilcoxon's test, effect sizes and intervals of their differences.

`differences` are per-patient differences, first method minus second. Zeros (below 1e-9) carry no sign and are left
out of the signed-rank test (Wilcoxon's own rule), not out of the estimates.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from stbench.reporting.statistics.averages import mean, standard_deviation
from stbench.reporting.statistics.differences import Differences, with_sign

# Up to here the exact distribution, ties or not, and all pairwise averages are affordable.
_MOST_EXACT = 500
# Absolute differences equal to so many decimals tie.
_DECIMALS = 9
# A spread this small beside the mean is rounding.
_ROUNDING = 1e-12


def signed_rank_p(differences: Differences) -> float:
    """Two-sided p of Wilcoxon's signed-rank test; 1 where no difference has a sign.

    Exact up to 500 non-zero differences, ties included: all assignments of signs to the ranks that occur. Beyond
    that the normal approximation.
    """
    values = with_sign(differences)
    if len(values) == 0:
        return 1.0
    if len(values) > _MOST_EXACT:
        from scipy.stats import wilcoxon

        result: Any = wilcoxon(values, method="asymptotic")
        return float(result.pvalue)
    doubled = np.rint(2 * _ranks(values)).astype(int)  # tied ranks are halves
    positive = int(doubled[values > 0].sum())
    smaller = min(positive, int(doubled.sum()) - positive)
    tail = _rank_sum_probabilities(tuple(sorted(doubled.tolist())))[: smaller + 1].sum()
    return min(1.0, 2 * float(tail))


def smallest_signed_rank_p(differences: Differences) -> float:
    """The smallest two-sided p that so many non-zero differences could give: 2 / 2^n, all of one sign."""
    return min(1.0, 2.0 ** (1 - len(with_sign(differences))))


def rank_biserial(differences: Differences) -> float | None:
    """(sum of positive ranks - sum of negative ranks) / sum of ranks, from -1 to 1; None without a sign."""
    values = with_sign(differences)
    if len(values) == 0:
        return None
    ranks = _ranks(values)
    return float((ranks * np.sign(values)).sum() / ranks.sum())


def hodges_lehmann(differences: Differences) -> float | None:
    """Median of the Walsh averages (d_i + d_j) / 2, i <= j: the signed-rank test's own estimate.

    None without differences, and with more than 500.
    """
    return float(np.median(_walsh_averages(differences))) if 0 < len(differences) <= _MOST_EXACT else None


def hodges_lehmann_interval(
    differences: Differences, level: float = 0.95
) -> tuple[float, float, float] | None:
    """(low, high, achieved level) of the signed-rank interval; None with fewer than three differences or over 500.

    Both ends are Walsh averages, so that only certain levels exist: the smallest at or above `level`, or the
    widest there is (75 % at n = 3, 87.5 % at 4, 93.75 % at 5).
    """
    n = len(differences)
    if not 3 <= n <= _MOST_EXACT:
        return None
    averages = np.sort(_walsh_averages(differences))
    tail = np.cumsum(_rank_sum_probabilities(tuple(range(1, n + 1))))  # P(T <= t)
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


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks of the absolute values; what differs by rounding alone ties."""
    from scipy.stats import rankdata

    return rankdata(np.round(np.abs(values), _DECIMALS))


def _walsh_averages(differences: Differences) -> np.ndarray:
    values = np.asarray(differences, dtype=float)
    rows, columns = np.triu_indices(len(values))
    return (values[rows] + values[columns]) / 2


@cache
def _rank_sum_probabilities(ranks: tuple[int, ...]) -> np.ndarray:
    """P(T = t) for t = 0 .. sum of ranks, T the sum of those that are positive, each with probability 1/2."""
    probabilities = np.array([1.0])
    for rank in ranks:
        without = np.append(probabilities, np.zeros(rank))
        probabilities = (without + np.append(np.zeros(rank), probabilities)) / 2
    return probabilities
