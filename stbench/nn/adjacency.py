"""Neighbour lists as the sparse links that torch-geometric's layers take."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from scipy import sparse
from torch import Tensor


def links(neighbours: np.ndarray, kept: np.ndarray | None = None) -> sparse.csr_array:
    """(n, n) ones where a row's node hears from the column's node; neighbours (n, k), kept (n, k) or None for all."""
    n, k = neighbours.shape
    kept = np.ones((n, k), dtype=bool) if kept is None else kept
    return matrix_of_links(np.repeat(np.arange(n), k).reshape(n, k)[kept], neighbours[kept], n)


def matrix_of_links(rows: np.ndarray, columns: np.ndarray, n: int) -> sparse.csr_array:
    """(n, n) ones at (row, column)."""
    return sparse.csr_array((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=(n, n))


def adjacency(links: sparse.csr_array, device: torch.device) -> Tensor:
    """The links as the graph layers take them: sparse rows on the CPU, where they are faster, else pairs (2, E)."""
    links.sort_indices()
    if device.type != "cpu":
        rows, columns = links.nonzero()
        return torch.tensor(np.stack([columns, rows]), dtype=torch.int64, device=device)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")
        return torch.sparse_csr_tensor(
            torch.tensor(links.indptr, dtype=torch.int64),
            torch.tensor(links.indices, dtype=torch.int64),
            torch.tensor(links.data),
            links.shape,
            check_invariants=links.nnz > 0,  # torch 2.4 refuses how an empty array lies in memory
        )
