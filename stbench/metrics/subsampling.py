"""Counts cut down to fewer, exactly and without replacement.

Conventions
    all_counts  (n_spots, n_genes + 1) counts with rest (counts.py)
    rng         every draw comes from the generator that is handed in
Functions
    draws           a spot's counts cut down to `depth` (multivariate hypergeometric), many times
    disjoint_draws  two such draws that share no single count, many times

Genes are drawn one after the other, each from what is left of its spot, for all spots and many draws together
and only where a spot has the gene at all: the same distribution as shuffling every spot's counts.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

# Entries that draws made together may hold, to bound memory.
_TOGETHER = 4_000_000


class _Occupied:
    """The entries of a slide's panel with counts, in the order in which they are drawn."""

    def __init__(self, all_counts: np.ndarray):
        rows, columns = np.nonzero(all_counts[:, :-1])
        in_row = np.arange(len(rows)) - np.searchsorted(rows, rows)
        # All spots' first gene, then all spots' second gene, ...: within such a step no spot comes twice.
        order = np.argsort(in_row, kind="stable")
        self.rows, self.columns = rows[order], columns[order]
        self.counts = all_counts[self.rows, self.columns]
        ends = np.cumsum(np.bincount(in_row))
        self._steps = [slice(end - n, end) for end, n in zip(ends, np.bincount(in_row), strict=True)]
        self._shape = all_counts.shape

    def draw(self, counts: np.ndarray, left: np.ndarray, depth: int, rng: np.random.Generator) -> np.ndarray:
        """Counts (n_entries, n_draws) drawn from `counts` of that shape; `left` (n_spots, n_draws) all there are."""
        found = np.empty_like(counts)
        left, wanted = left.copy(), np.full_like(left, depth)
        for step in self._steps:
            rows = self.rows[step]
            others = left[rows] - counts[step]
            found[step] = rng.hypergeometric(counts[step], others, wanted[rows])
            left[rows] = others
            wanted[rows] -= found[step]
        return found

    def filled(self, found: np.ndarray, depth: int) -> np.ndarray:
        """One draw's entries as (n_spots, n_genes + 1) counts, the rest filling up to `depth`."""
        drawn = np.zeros(self._shape, dtype=np.int64)
        drawn[self.rows, self.columns] = found
        drawn[:, -1] = depth - drawn[:, :-1].sum(axis=1)
        return drawn


def draws(all_counts: np.ndarray, depth: int, rng: np.random.Generator, n_draws: int) -> Iterator[np.ndarray]:
    """(n_spots, n_genes + 1) draws of exactly `depth` counts a spot; every spot must have at least as many."""
    occupied = _Occupied(all_counts)
    for counts, left in _copies(occupied, all_counts, n_draws):
        found = occupied.draw(counts, left, depth, rng)
        for one in found.T:
            yield occupied.filled(one, depth)


def disjoint_draws(
    all_counts: np.ndarray, depth: int, rng: np.random.Generator, n_draws: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of such draws; every spot must have at least twice `depth` counts."""
    occupied = _Occupied(all_counts)
    for counts, left in _copies(occupied, all_counts, n_draws):
        first = occupied.draw(counts, left, depth, rng)
        second = occupied.draw(counts - first, left - depth, depth, rng)
        for one, other in zip(first.T, second.T, strict=True):
            yield occupied.filled(one, depth), occupied.filled(other, depth)


def _copies(
    occupied: _Occupied, all_counts: np.ndarray, n_draws: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The slide's entries and totals, side by side for as many draws as are made together."""
    together = max(1, _TOGETHER // max(len(occupied.counts), len(all_counts), 1))
    totals = all_counts.sum(axis=1)
    for start in range(0, n_draws, together):
        side_by_side = (1, min(together, n_draws - start))
        yield np.tile(occupied.counts[:, None], side_by_side), np.tile(totals[:, None], side_by_side)
