"""Ceilings: how high a perfect prediction could score, counting noise being what it is.

Conventions
    counts_with_rest     (n_spots, n_genes + 1) raw counts of the panel and of the rest, scored spots only
    reliability          (n_genes,) correlation r of two independent halves of the slide's counts, mean over
                         draws; NaN where a gene never varies in both halves
Metrics
    ceiling              sqrt(2 r / (1 + r)), r from binomial thinning of all genes (Spearman-Brown, then the
                         square root: the correlation with the noise-free signal)
    ceiling_equal_depth  sqrt(r), r from two disjoint draws of T0 counts each: the depth that is scored, hence
                         no Spearman-Brown

Both are upper bounds. The first counts shared depth and overdispersion as predictable. r is averaged over the
panel before the formula; below 0 it is not measurable (NaN).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from stbench.metrics.correlation import MIN_SPOTS, mean_defined, product, unit_truth
from stbench.metrics.counts import draw_without_replacement, log_expression, thin
from stbench.metrics.equal_depth import common_depth

N_THINNINGS = 20


def reliability(
    counts_with_rest: np.ndarray, rng: np.random.Generator, n_thinnings: int = N_THINNINGS
) -> np.ndarray:
    """(n_genes,) mean correlation of two halves of the counts, each normalised by its own totals."""
    halves = (thin(counts_with_rest, rng) for _ in range(n_thinnings))
    return _mean_correlation(halves, counts_with_rest.shape[1] - 1)


def reliability_equal_depth(
    counts_with_rest: np.ndarray, rng: np.random.Generator, n_draws: int = N_THINNINGS
) -> np.ndarray:
    """(n_genes,) mean correlation of two disjoint draws of T0 counts from the spots with at least 2 T0."""
    totals = counts_with_rest.sum(axis=1)
    depth = common_depth(totals)
    deep = counts_with_rest[totals >= 2 * depth] if depth >= 1 else counts_with_rest[:0]
    pairs = (disjoint_draws(deep, depth, rng) for _ in range(n_draws if len(deep) >= MIN_SPOTS else 0))
    return _mean_correlation(pairs, counts_with_rest.shape[1] - 1)


def disjoint_draws(
    counts_with_rest: np.ndarray, depth: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Two draws of `depth` counts per spot that share no single count."""
    first = draw_without_replacement(counts_with_rest, depth, rng)
    return first, draw_without_replacement(counts_with_rest - first, depth, rng)


def _mean_correlation(pairs: Iterable[tuple[np.ndarray, np.ndarray]], n_genes: int) -> np.ndarray:
    sums, times = np.zeros(n_genes), np.zeros(n_genes)
    for first, second in pairs:
        r = product(_unit_log(first), _unit_log(second))
        sums, times = sums + np.nan_to_num(r), times + ~np.isnan(r)
    return np.divide(sums, times, out=np.full(n_genes, np.nan), where=times > 0)


def _unit_log(counts_with_rest: np.ndarray) -> np.ndarray:
    return unit_truth(log_expression(counts_with_rest[:, :-1], counts_with_rest.sum(axis=1)))


def ceiling_per_gene(reliability_of_genes: np.ndarray) -> np.ndarray:
    """(n_genes,) sqrt(2 r / (1 + r)), NaN where r is negative or undefined: not measurable."""
    r = np.where(reliability_of_genes >= 0, reliability_of_genes, np.nan)
    return np.sqrt(2 * r / (1 + r))


def ceiling(reliability_of_genes: np.ndarray) -> float:
    """Ceiling of the mean PCC: the formula on the panel's mean r."""
    return float(ceiling_per_gene(np.array([mean_defined(reliability_of_genes)]))[0])


def ceiling_equal_depth(reliability_of_genes: np.ndarray) -> float:
    """Ceiling of the mean equal-depth PCC: the square root of the panel's mean r."""
    mean = mean_defined(reliability_of_genes)
    return float(np.sqrt(mean)) if mean >= 0 else float("nan")
