"""Counts as chance would have drawn them: what the depth-aware scores, the null and the ceiling are made of.

Conventions
    counts       (n_spots, n_genes) raw counts of the panel
    totals       (n_spots,) counts over all genes of the slide; totals minus panel is "the rest"
    with rest    (n_spots, n_genes + 1) int64: the panel and, as the last column, the rest; rows sum to totals
    rng          every draw comes from the generator that is handed in
Functions
    log_expression           log(1 + 1e6 * count / total), the scale on which everything is scored
    with_rest                counts with the rest as the last column
    draw_without_replacement a spot's counts cut down to fewer
    draw_constant            the same totals with one composition for all spots
    thin                     two halves of the counts
"""

from __future__ import annotations

import numpy as np

from stbench.errors import DatasetError


def log_expression(counts: np.ndarray, totals: np.ndarray | int) -> np.ndarray:
    """log(1 + 1e6 * count / total), natural logarithm; a spot with total 0 has expression 0."""
    totals = np.broadcast_to(np.asarray(totals, dtype=np.float64), (len(counts),))
    per_million = np.divide(1e6, totals, out=np.zeros(len(counts)), where=totals > 0)
    return np.log1p(np.asarray(counts, dtype=np.float64) * per_million[:, None])


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


def draw_without_replacement(all_counts: np.ndarray, depth: int, rng: np.random.Generator) -> np.ndarray:
    """Exactly `depth` of each spot's counts, drawn without replacement (multivariate hypergeometric).

    all_counts (n_spots, n_genes + 1) with rest, each row summing to at least `depth`; same shape returned.
    The method "count" shuffles a spot's single counts: faster than drawing gene by gene at these depths.
    """
    drawn = np.empty_like(all_counts)
    for spot, counts in enumerate(all_counts):
        drawn[spot] = rng.multivariate_hypergeometric(counts, depth, method="count")
    return drawn


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
