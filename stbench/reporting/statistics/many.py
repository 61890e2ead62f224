"""Three or more methods at once: Friedman's test, mean ranks, and which differences hold pairwise.

`scores` is (n patients, k methods), complete; a patient is a block. Rank 1 is the best (largest) score; ties share
their mean rank, and scores that differ by less than 1e-9 tie.
"""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

import numpy as np

from stbench.reporting.statistics.intervals import LEAST_PATIENTS_TO_RESAMPLE
from stbench.reporting.statistics.sign_flips import LEAST_UNITS_TO_TEST, flip_test

LEAST_BLOCKS_FOR_FRIEDMAN = 4
LEAST_BLOCKS_FOR_DIAGRAM = 6
_MOST_PERMUTED = 50_000
_AT_ONCE = 2_000
_N_RESAMPLES = 10_000
_DECIMALS = 9


class Friedman(NamedTuple):
    """Friedman's statistic corrected for ties, its permutation p, and whether all permutations were enumerated."""

    statistic: float
    p: float
    exact: bool


class MeanRank(NamedTuple):
    """A method's mean rank; an interval from the bootstrap over patients, or the range when one is left out."""

    mean: float
    low: float
    high: float
    resampled: bool


def ranks(scores: np.ndarray) -> np.ndarray:
    """(n, k) rank of each method within its patient."""
    from scipy.stats import rankdata

    return rankdata(-np.round(np.asarray(scores, dtype=float), _DECIMALS), axis=1)


def friedman(scores: np.ndarray) -> Friedman | None:
    """Friedman's test by permutation of the ranks within each patient; None below 4 patients or 3 methods.

    scipy's permutation test: exact where all (k!)^n arrangements are at most 50,000, else with that many random
    ones. Where every patient ties all methods, the statistic is 0 and p is 1.
    """
    of_patients = ranks(scores)
    n, k = of_patients.shape
    if n < LEAST_BLOCKS_FOR_FRIEDMAN or k < 3:
        return None
    from scipy.stats import friedmanchisquare, permutation_test

    exact = math.factorial(k) ** n <= _MOST_PERMUTED
    if (of_patients == of_patients[:, :1]).all():
        return Friedman(0.0, 1.0, exact)
    result: Any = permutation_test(
        list(2 * of_patients.T),  # tied ranks are halves, and sums of whole numbers are exact
        _spread_of_rank_sums,
        permutation_type="samples",
        vectorized=True,
        n_resamples=_MOST_PERMUTED,
        batch=_AT_ONCE,
        alternative="greater",
        rng=np.random.default_rng(0),
    )
    statistic: Any = friedmanchisquare(*of_patients.T).statistic
    return Friedman(float(statistic), float(result.pvalue), exact)


def _spread_of_rank_sums(*of_methods: np.ndarray, axis: int) -> np.ndarray:
    """Sum of squared rank sums: what remains of Friedman's statistic while ties and the mean stay as they are."""
    return (np.stack([ranked.sum(axis=axis) for ranked in of_methods]) ** 2).sum(axis=0)


def mean_ranks(scores: np.ndarray) -> list[MeanRank]:
    """Each method's mean rank with its uncertainty: 95 % bootstrap from 8 patients on, else leave-one-out range."""
    of_patients = ranks(scores)
    n = len(of_patients)
    resampled = n >= LEAST_PATIENTS_TO_RESAMPLE
    if resampled:
        drawn = np.random.default_rng(0).integers(n, size=(_N_RESAMPLES, n))
        low, high = np.quantile(of_patients[drawn].mean(axis=1), [0.025, 0.975], axis=0)
    else:
        kept = [np.delete(of_patients, i, axis=0) for i in range(n)] if n > 1 else [of_patients]
        left_out = np.array([rows.mean(axis=0) for rows in kept])
        low, high = left_out.min(axis=0), left_out.max(axis=0)
    return [
        MeanRank(float(m), float(a), float(b), resampled)
        for m, a, b in zip(of_patients.mean(axis=0), low, high, strict=True)
    ]


def pairwise_p(scores: np.ndarray) -> np.ndarray:
    """(k, k) p of every pair of methods by joint sign flips, adjusted over all pairs; 1 on the diagonal.

    All 1 below three patients.
    """
    scores = np.asarray(scores, dtype=float)
    n, k = scores.shape
    table = np.ones((k, k))
    if n < LEAST_UNITS_TO_TEST or k < 2:
        return table
    first, second = np.array(list(itertools.combinations(range(k), 2))).T
    adjusted = flip_test(scores[:, first] - scores[:, second]).p_adjusted
    table[first, second] = table[second, first] = adjusted
    return table
