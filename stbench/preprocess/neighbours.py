"""Neighbours: the most similar rows of a bank (and, from spatial_neighbours.py, the nearest spots of a slide).

The searches are exact and settle ties by a rule, so that a result does not depend on the order of the query
spots, on the block size or on the machine's rounding.
"""

from __future__ import annotations

import warnings
from typing import Literal, get_args

import numpy as np
import torch

from stbench.errors import MethodError, UnknownName
from stbench.preprocess.spatial_neighbours import neighbour_positions, rounded, spatial_neighbours

__all__ = ["Metric", "neighbour_positions", "spatial_neighbours", "top_k"]

Metric = Literal["cosine", "l1", "l2"]

_QUERY_BLOCK, _BANK_BLOCK = 1024, 8192
# Candidates kept beyond k, so that single-precision rounding near the k-th place rarely asks for a full scan.
_SPARE_CANDIDATES = 24
# Elements of the double-precision differences held at a time: 4 MB, which the processor keeps close at hand (64 MB take
# up to twice as long).
_EXACT_BLOCK = 500_000
_COSINE_DECIMALS = 12


def top_k(
    query: np.ndarray, bank: np.ndarray, k: int, metric: Metric = "cosine", exclude_self: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The `k` rows of `bank` nearest to each row of `query`, nearest first, ties by bank index.

    query (n, d), bank (m, d); `metric` is "cosine" (1 - cosine similarity, to twelve decimals; a zero vector
    is at distance 1 from everything), "l1" or "l2". `exclude_self` says that query is bank, and leaves each
    row's own index out. Returns indices (n, c) int64 and distances (n, c) float64 with c = min(k, rows of the
    bank left).

    Candidates come from single-precision blocks and are ranked by distances computed in double precision;
    where rounding could have hidden a nearer row, that query meets the whole bank in double precision. Memory
    does not grow with n x m. Raises MethodError for values that are not finite.
    """
    if metric not in get_args(Metric):
        raise UnknownName("similarity metric", metric, get_args(Metric))
    queries, rows = _tensor(query), _tensor(bank)
    query_norms, bank_norms = _finite_norms(queries, "query"), _finite_norms(rows, "bank")
    available = len(rows) - exclude_self
    found = max(0, min(k, available))
    indices = np.empty((len(queries), found), dtype=np.int64)
    distances = np.empty((len(queries), found))
    if found == 0:
        return indices, distances
    n_candidates = min(found + _SPARE_CANDIDATES, available)
    for start in range(0, len(queries), _QUERY_BLOCK):
        block = slice(start, min(start + _QUERY_BLOCK, len(queries)))
        own = torch.arange(block.start, block.stop) if exclude_self else None
        closeness, candidates = _candidates(queries[block], rows, bank_norms, n_candidates, metric, own)
        ranked = _ranked(queries[block], rows, candidates, metric)
        indices[block], distances[block] = ranked[0][:, :found], ranked[1][:, :found]
        if n_candidates < available:
            limit = _nearest_hidden(closeness, query_norms[block], bank_norms, metric, rows.shape[1])
            for i in np.flatnonzero(distances[block, -1] * (1 + 1e-8) >= limit):
                at = start + int(i)
                scan = _scan(queries[at], rows, found, metric, at if exclude_self else None)
                indices[at], distances[at] = scan
    return indices, distances


def _tensor(array: np.ndarray) -> torch.Tensor:
    """A float32 tensor on the array's own memory where it is float32 already; it is only ever read."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))


def _finite_norms(vectors: torch.Tensor, role: str) -> torch.Tensor:
    norms = torch.linalg.vector_norm(vectors, dim=1)
    if not torch.isfinite(norms).all():
        raise MethodError(
            f"The {role} of a neighbour search holds values that are not finite; embeddings must be."
        )
    return norms


def _candidates(
    queries: torch.Tensor,
    bank: torch.Tensor,
    bank_norms: torch.Tensor,
    count: int,
    metric: Metric,
    own: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The `count` closest bank rows in single precision: closeness and indices, each (n, count)."""
    best, best_index = torch.empty(len(queries), 0), torch.empty(len(queries), 0, dtype=torch.int64)
    for start in range(0, len(bank), _BANK_BLOCK):
        block = slice(start, start + _BANK_BLOCK)
        closeness = _closeness(queries, bank[block], bank_norms[block], metric)
        if own is not None:
            here = torch.nonzero((own >= start) & (own < start + closeness.shape[1])).squeeze(1)
            closeness[here, own[here] - start] = -torch.inf
        values, columns = closeness.topk(min(count, closeness.shape[1]), dim=1, sorted=False)
        best, best_index = torch.cat([best, values], 1), torch.cat([best_index, columns + start], 1)
        best, order = best.topk(min(count, best.shape[1]), dim=1, sorted=False)
        best_index = best_index.gather(1, order)
    return best, best_index


def _closeness(
    queries: torch.Tensor, bank: torch.Tensor, bank_norms: torch.Tensor, metric: Metric
) -> torch.Tensor:
    """(n, rows) numbers that fall as the distance to a query grows.

    cosine: q.b / |b|;  l2: q.b - |b|^2 / 2, which is (|q|^2 - distance^2) / 2;  l1: -distance.
    """
    if metric == "l1":
        return torch.cdist(queries, bank, p=1).neg_()
    products = queries @ bank.T
    if metric == "cosine":
        return products.mul_(_inverse(bank_norms))
    return products.sub_(bank_norms.square().div_(2))


def _inverse(norms: torch.Tensor) -> torch.Tensor:
    """1 / norm, and 0 for a zero vector, which then has similarity 0 with everything."""
    return torch.where(norms > 0, 1 / norms, 0)


def _nearest_hidden(
    closeness: torch.Tensor, query_norms: torch.Tensor, bank_norms: torch.Tensor, metric: Metric, d: int
) -> np.ndarray:
    """(n,) a distance that no row outside the candidates can undercut, single-precision rounding included.

    The bound is the textbook one for a sum of d products: relative error (d + 8) * 2^-24.
    """
    worst = closeness.amin(1).double().numpy()
    rounding = (d + 8) * 2.0**-24
    norms = query_norms.double().numpy()
    if metric == "l1":
        return -worst * (1 - rounding)
    if metric == "cosine":
        similarity = np.divide(worst, norms, out=np.zeros_like(worst), where=norms > 0)
        return 1 - similarity - 2 * rounding
    largest = float(bank_norms.max()) if len(bank_norms) else 0.0
    slack = rounding * (2 * norms * largest + largest**2)
    return np.sqrt(np.maximum(norms**2 * (1 - rounding) - 2 * worst - slack, 0))


def _ranked(
    queries: torch.Tensor, bank: torch.Tensor, candidates: torch.Tensor, metric: Metric
) -> tuple[np.ndarray, np.ndarray]:
    """Candidates (n, c) sorted by their exact distance, then by bank index; indices and distances."""
    index, exact = candidates.numpy(), np.empty(candidates.shape)
    step = max(1, _EXACT_BLOCK // max(1, index.shape[1] * bank.shape[1]))
    for start in range(0, len(index), step):
        block = slice(start, start + step)
        exact[block] = _distances(queries[block, None], bank[candidates[block]], metric)
    order = np.lexsort((index, rounded(exact)), axis=-1)
    return np.take_along_axis(index, order, 1), np.take_along_axis(exact, order, 1)


def _scan(
    query: torch.Tensor, bank: torch.Tensor, k: int, metric: Metric, own: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest rows of the whole bank to one query, every distance in double precision."""
    step = max(1, _EXACT_BLOCK // bank.shape[1])
    parts = [
        _distances(query[None], bank[start : start + step], metric) for start in range(0, len(bank), step)
    ]
    exact = np.concatenate(parts)
    if own is not None:
        exact[own] = np.inf
    order = np.lexsort((np.arange(len(exact)), rounded(exact)))[:k]
    return order, exact[order]


def _distances(queries: torch.Tensor, rows: torch.Tensor, metric: Metric) -> np.ndarray:
    """Distances between query rows and bank rows (..., d) that broadcast, in double precision."""
    queries, rows = queries.double(), rows.double()
    if metric == "l1":
        return (queries - rows).abs_().sum(-1).numpy()
    if metric == "l2":
        return (queries - rows).square_().sum(-1).sqrt_().numpy()
    inverse = _inverse(torch.linalg.vector_norm(queries, dim=-1)) * _inverse(
        torch.linalg.vector_norm(rows, dim=-1)
    )
    return np.round(1 - ((queries * rows).sum(-1) * inverse).numpy(), _COSINE_DECIMALS)
