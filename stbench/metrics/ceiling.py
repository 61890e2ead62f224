"""Noise ceilings: how high a perfect prediction could score, counting noise being what it is.

Conventions
    counts_with_rest     (n_spots, n_genes + 1) raw counts of the panel and of the rest, scored spots only
    reliability          (n_genes,) correlation r of two independent halves of the slide's counts, mean over
                         the draws in which both vary; NaN where that is none
    scored               (n_genes,) True for the genes that the score is averaged over
    expression           counts and totals -> the target's scale, by default log expression
Metrics
    ceiling              mean over genes of sqrt(2 r / (1 + r)), r from binomial thinning of all genes
                         (Spearman-Brown, then the root: the correlation with the noise-free signal)
    ceiling_equal_depth  mean over genes of sqrt(r), r from two disjoint draws of T0 counts each: the depth
                         that is scored, hence no Spearman-Brown

r is averaged over draws before the root is taken; a gene whose r is not positive counts 0. Both are estimates
and can be exceeded on small slides; roots of what chance leaves of r lift them above 0 where there is no signal
at all. The first counts shared depth and overdispersion as predictable.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from stbench.metrics.correlation import MIN_SPOTS, mean_defined, product, unit_truth
from stbench.metrics.counts import Expression, log_expression, thin
from stbench.metrics.equal_depth import common_depth
from stbench.metrics.subsampling import disjoint_draws

N_THINNINGS = 20
N_PAIRS = 100


def reliability(
    counts_with_rest: np.ndarray,
    rng: np.random.Generator,
    n_thinnings: int = N_THINNINGS,
    expression: Expression = log_expression,
) -> np.ndarray:
    """(n_genes,) mean correlation of two halves of the counts, each normalised by its own totals."""
    halves = (thin(counts_with_rest, rng) for _ in range(n_thinnings))
    return mean_over_draws(_correlations(halves, counts_with_rest.shape[1] - 1, expression))


def reliability_at_depth(
    counts_with_rest: np.ndarray,
    rng: np.random.Generator,
    n_pairs: int = N_PAIRS,
    expression: Expression = log_expression,
) -> np.ndarray:
    """(n_pairs, n_genes) correlations of two disjoint draws of T0 counts from the spots with at least 2 T0.

    No rows where under 20 spots have as many.
    """
    totals = counts_with_rest.sum(axis=1)
    depth = common_depth(totals)
    deep = counts_with_rest[(totals >= 2 * depth) & (depth >= 1)]
    pairs = disjoint_draws(deep, depth, rng, n_pairs) if len(deep) >= MIN_SPOTS else ()
    return _correlations(pairs, counts_with_rest.shape[1] - 1, expression)


def _correlations(
    pairs: Iterable[tuple[np.ndarray, np.ndarray]], n_genes: int, expression: Expression
) -> np.ndarray:
    """(n_pairs, n_genes) correlation of both sides of each pair, NaN where either side does not vary."""
    units = ([unit_truth(expression(c[:, :-1], c.sum(axis=1))) for c in pair] for pair in pairs)
    return np.array([product(first, second) for first, second in units]).reshape(-1, n_genes)


def mean_over_draws(correlations: np.ndarray) -> np.ndarray:
    """(n_genes,) mean of (n_draws, n_genes) over the draws that are not NaN; NaN where all are."""
    defined = ~np.isnan(correlations)
    sums, times = np.where(defined, correlations, 0.0).sum(axis=0), defined.sum(axis=0)
    return np.divide(sums, times, out=np.full(sums.shape, np.nan), where=times > 0)


def ceiling_per_gene(reliability_of_genes: np.ndarray, scored: np.ndarray) -> np.ndarray:
    """(n_genes,) sqrt(2 r / (1 + r)); 0 where r is not positive, NaN where the gene is not scored."""
    r = _positive(reliability_of_genes)
    return np.where(scored, np.sqrt(2 * r / (1 + r)), np.nan)


def ceiling(reliability_of_genes: np.ndarray, scored: np.ndarray) -> float:
    """Ceiling of the mean PCC; NaN where no gene is scored."""
    return mean_defined(ceiling_per_gene(reliability_of_genes, scored))


def ceiling_equal_depth(correlations: np.ndarray, scored: np.ndarray) -> float:
    """Ceiling of the mean equal-depth PCC from `reliability_at_depth`; NaN where nothing could be drawn."""
    if len(correlations) == 0:
        return float("nan")
    return _mean_root(mean_over_draws(correlations), scored)


def ceiling_equal_depth_error(correlations: np.ndarray, scored: np.ndarray) -> float:
    """Monte-Carlo standard error of `ceiling_equal_depth`: the jackknife over draws; NaN below two draws."""
    n_draws = len(correlations)
    if n_draws < 2:
        return float("nan")
    defined = ~np.isnan(correlations)
    values = np.where(defined, correlations, 0.0)
    sums, times = values.sum(axis=0) - values, defined.sum(axis=0) - defined
    means = np.divide(sums, times, out=np.full(sums.shape, np.nan), where=times > 0)
    without_one = np.array([_mean_root(mean, scored) for mean in means])
    return float(np.sqrt((n_draws - 1) * without_one.var()))


def _mean_root(r: np.ndarray, scored: np.ndarray) -> float:
    return mean_defined(np.where(scored, np.sqrt(_positive(r)), np.nan))


def _positive(r: np.ndarray) -> np.ndarray:
    """What is undefined or below 0 as 0: such a gene varies in the score, but in no way that repeats."""
    return np.where(r > 0, r, 0.0)
