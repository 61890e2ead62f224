"""Counts replaced by noise, for copies in which one slide's expression must not tell anything."""

from __future__ import annotations

import numpy as np
from scipy import sparse

_SPOTS_AT_ONCE = 256


def scrambled_counts(counts: np.ndarray, seed: int) -> np.ndarray:
    """(spots, genes) int32 noise in the place of `counts`.

    Each entry is Poisson and no spot differs from another; the genes' means are shuffled among the genes, so
    that neither a spot's profile nor a gene's level survives. The depth of the slide as a whole stays.
    """
    rng = np.random.default_rng(seed)
    means = rng.permutation(counts.mean(axis=0))
    return rng.poisson(means, size=counts.shape).astype(np.int32)


def scrambled_sparse_counts(counts: sparse.csr_matrix, seed: int) -> sparse.csr_matrix:
    """The same noise in the place of sparse counts, drawn for some spots at a time: a whole slide is too large."""
    rng = np.random.default_rng(seed)
    n_spots, n_genes = counts.shape  # type: ignore[misc]
    means = rng.permutation(np.asarray(counts.mean(axis=0)).ravel())
    blocks = [
        sparse.csr_matrix(
            rng.poisson(means, size=(min(_SPOTS_AT_ONCE, n_spots - start), n_genes)).astype(np.int32)
        )
        for start in range(0, n_spots, _SPOTS_AT_ONCE)
    ]
    return sparse.csr_matrix(sparse.vstack(blocks, format="csr"))
