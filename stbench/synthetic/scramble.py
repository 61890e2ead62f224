"""Counts replaced by noise, for copies in which one slide's expression must not tell anything."""

from __future__ import annotations

import numpy as np


def scrambled_counts(counts: np.ndarray, seed: int) -> np.ndarray:
    """(spots, genes) int32 noise in the place of `counts`.

    Each entry is Poisson and no spot differs from another; the genes' means are shuffled among the genes, so
    that neither a spot's profile nor a gene's level survives. The depth of the slide as a whole stays.
    """
    rng = np.random.default_rng(seed)
    means = rng.permutation(counts.mean(axis=0))
    return rng.poisson(means, size=counts.shape).astype(np.int32)
