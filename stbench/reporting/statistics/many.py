"""Three or more methods at once: Friedman's test, mean ranks, and which differences hold pairwise.

`scores` is (n patients, k methods), complete; a patient is a block. Rank 1 is the best (largest) score; ties share
their mean rank.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np

from stbench.reporting.statistics.comparison import holm
from stbench.reporting.statistics.intervals import LEAST_PATIENTS_TO_RESAMPLE
from stbench.reporting.statistics.paired import signed_rank_p

LEAST_BLOCKS_FOR_DIAGRAM = 6
_MOST_ENUMERATED = 50_000
_N_RANDOM = 50_000
_N_RESAMPLES = 10_000


class Friedman(NamedTuple):
    """Friedman's statistic, its permutation p, and whether all permutations were enumerated."""

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

    return rankdata(-np.asarray(scores, dtype=float), axis=1)


def friedman(scores: np.ndarray) -> Friedman | None:
    """Friedman's test by permutation of the ranks within each patient; None below 2 patients or 3 methods.

    Exact where the (k!)^(n - 1) arrangements can be enumerated (the first patient's order is arbitrary), else with
    50,000 random ones, the observed one counted among them.
    """
    of_patients = ranks(scores)
    n, k = of_patients.shape
    if n < 2 or k < 3:
        return None
    observed = _friedman_statistic(of_patients.sum(axis=0), n, k)
    exact = math.factorial(k) ** (n - 1) <= _MOST_ENUMERATED
    sums = _all_rank_sums(of_patients) if exact else _random_rank_sums(of_patients)
    as_extreme = _friedman_statistic(sums, n, k) >= observed - 1e-9
    p = as_extreme.mean() if exact else (as_extreme.sum() + 1) / (len(sums) + 1)
    return Friedman(float(observed), float(p), exact)


def _friedman_statistic(rank_sums: np.ndarray, n: int, k: int) -> np.ndarray:
    """12 / (n k (k + 1)) * sum of (R_j - n (k + 1) / 2)^2, without the constant that corrects for ties."""
    return 12 / (n * k * (k + 1)) * ((rank_sums - n * (k + 1) / 2) ** 2).sum(axis=-1)


def _all_rank_sums(of_patients: np.ndarray) -> np.ndarray:
    sums = of_patients[:1]
    for row in of_patients[1:]:
        orders = np.array(list(itertools.permutations(row)))
        sums = (sums[:, None] + orders[None]).reshape(-1, len(row))
    return sums


def _random_rank_sums(of_patients: np.ndarray) -> np.ndarray:
    random = np.random.default_rng(0)
    sums = np.zeros((_N_RANDOM, of_patients.shape[1]))
    for row in of_patients:
        sums += random.permuted(np.tile(row, (_N_RANDOM, 1)), axis=1)
    return sums


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
    """(k, k) signed-rank p of every pair of methods after Holm over all pairs; 1 on the diagonal."""
    scores = np.asarray(scores, dtype=float)
    k = scores.shape[1]
    pairs = list(itertools.combinations(range(k), 2))
    adjusted = holm([signed_rank_p(scores[:, i] - scores[:, j]) for i, j in pairs])
    table = np.ones((k, k))
    for (i, j), p in zip(pairs, adjusted, strict=True):
        table[i, j] = table[j, i] = p
    return table
