"""Counts: their expression, and counts as chance would have drawn them.

Conventions
    counts       (n_spots, n_genes) raw counts of the panel
    totals       (n_spots,) counts over all genes of the slide; totals minus panel is "the rest"
    with rest    (n_spots, n_genes + 1) int64: the panel and, as the last column, the rest; rows sum to totals
    rng          every draw comes from the generator that is handed in
Functions
    log_expression           log(1 + 1e6 * count / total), the scale of target `logcpm`
    pearson_residuals        analytic Pearson residuals, the scale of target `pearson`
    with_rest                counts with the rest as the last column
    draw_constant            the same totals with one composition for all spots: no signal but depth
    thin                     two halves of the counts
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from stbench.errors import DatasetError

# Counts (n_spots, n_genes) of the panel and totals (n_spots,) -> expression (n_spots, n_genes).
Expression = Callable[[np.ndarray, np.ndarray], np.ndarray]

# Overdispersion of the negative binomial behind the Pearson residuals, as their authors fixed it.
PEARSON_THETA = 100.0


def log_expression(counts: np.ndarray, totals: np.ndarray | int) -> np.ndarray:
    """log(1 + 1e6 * count / total), natural logarithm; a spot with total 0 has expression 0."""
    totals = np.broadcast_to(np.asarray(totals, dtype=np.float64), (len(counts),))
    per_million = np.divide(1e6, totals, out=np.zeros(len(counts)), where=totals > 0)
    return np.log1p(np.asarray(counts, dtype=np.float64) * per_million[:, None])


def pearson_residuals(
    counts: np.ndarray, totals: np.ndarray, gene_totals: np.ndarray | None = None
) -> np.ndarray:
    """(n_spots, n_genes) analytic Pearson residuals of one slide (Lause et al. 2021), float64.

    mu = total of the spot * total of the gene / total of all; (count - mu) / sqrt(mu + mu^2 / 100), clipped to
    +-sqrt(n_spots).
    totals       (n_spots,) counts over ALL genes of the slide, not over these only
    gene_totals  (n_genes,) counts of each gene over the spots; by default the sums of `counts`
    A gene without counts, or a spot with total 0, has residual 0.
    """
    counts, totals = np.asarray(counts, dtype=np.float64), np.asarray(totals, dtype=np.float64)
    of_gene = counts.sum(axis=0) if gene_totals is None else np.asarray(gene_totals, dtype=np.float64)
    expected = np.outer(totals, of_gene / max(totals.sum(), 1.0))
    spread = np.sqrt(expected + expected**2 / PEARSON_THETA)
    residuals = np.divide(counts - expected, spread, out=np.zeros(counts.shape), where=spread > 0)
    limit = np.sqrt(len(counts))
    return np.clip(residuals, -limit, limit)


def with_rest(counts: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """(n_spots, n_genes + 1) int64 counts with the rest as the last column.

    Raises DatasetError where counts are negative or fractional, or a spot's panel exceeds its total.
    """
    whole = np.asarray(counts).astype(np.int64)
    rest = np.asarray(totals).astype(np.int64) - whole.sum(axis=1)
    if (whole != counts).any() or (whole < 0).any():
        raise DatasetError(
            "Counts must be whole numbers from 0 up; these are raw counts, not normalised ones."
        )
    if (rest < 0).any():
        raise DatasetError(
            f"{(rest < 0).sum()} spots have more counts in the gene panel than in total; "
            "totals must be taken over all genes of the slide."
        )
    return np.column_stack([whole, rest])


def draw_constant(all_counts: np.ndarray, totals: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(n_spots, n_genes + 1) counts of the given totals, drawn multinomially from the pooled composition.

    No gene differs between spots any more but by chance: all that is left is depth.
    """
    pooled = all_counts.sum(axis=0)
    return rng.multinomial(totals, pooled / max(pooled.sum(), 1))


def thin(all_counts: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two halves that add up to `all_counts`: every single count falls into either by the toss of a coin."""
    half = rng.binomial(all_counts, 0.5)
    return half, all_counts - half
