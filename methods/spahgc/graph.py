"""The graph of one slide: its spots, the training spots that they resemble, and the links between them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from scipy import sparse

from stbench.errors import CannotFit, MethodError
from stbench.preprocess.neighbours import Metric, neighbour_positions, spatial_neighbours, top_k
from stbench.slide import QuerySlide, TrainingSlide

from .network import Edges, Features

CPU = torch.device("cpu")


class ReferenceBank(NamedTuple):
    """Training spots that may be retrieved: embeddings (m, d), expression (m, G), the slide of each (m,)."""

    embeddings: np.ndarray
    expression: np.ndarray
    slide: np.ndarray


class GraphRecipe(NamedTuple):
    """How a graph is built; the names are those of SpaHGC's hyperparameters."""

    neighbours: int
    target_radius: float | None
    references: int
    reference_neighbours: int
    cross_metric: Metric
    reference_metric: Metric
    reference_nodes: str


class SlideGraph(NamedTuple):
    """Features and edges as tensors, and from which slide each reference node comes (R,)."""

    features: Features
    edges: Edges
    reference_slide: np.ndarray


def reference_slides(target: TrainingSlide, train: Sequence[TrainingSlide]) -> list[TrainingSlide]:
    """The training slides that `target` may retrieve from: of other groups or, if all share one, the others.

    Raises CannotFit where none is left.
    """
    others = [slide for slide in train if slide is not target]
    allowed = [slide for slide in others if slide.group != target.group] or others
    if not allowed:
        raise CannotFit(
            f"SpaHGC retrieves from training slides other than the target, but {target.id} is the only one; "
            "it needs at least two."
        )
    return allowed


def reference_bank(slides: Sequence[TrainingSlide]) -> ReferenceBank:
    """All spots of `slides`, in order."""
    return ReferenceBank(
        np.concatenate([embeddings_of(slide) for slide in slides]),
        np.concatenate([slide.expression for slide in slides]).astype(np.float32, copy=False),
        np.repeat([slide.id for slide in slides], [slide.n_spots for slide in slides]),
    )


def embeddings_of(slide: TrainingSlide | QuerySlide) -> np.ndarray:
    """(n, d) embeddings of a slide; MethodError where it comes without."""
    if slide.embeddings is None:
        raise MethodError(f"Slide {slide.id} has no embeddings; SpaHGC works on those of an image encoder.")
    return slide.embeddings


def build_graph(
    slide: TrainingSlide | QuerySlide,
    bank: ReferenceBank,
    recipe: GraphRecipe,
    device: torch.device = CPU,
) -> SlideGraph:
    """Link the spots of `slide` to each other and to their references in `bank`, and the references likewise."""
    embeddings = embeddings_of(slide)
    retrieved, _ = top_k(embeddings, bank.embeddings, recipe.references, recipe.cross_metric)  # (n, K)
    nodes, cross = np.arange(len(bank.slide)), retrieved
    if recipe.reference_nodes == "retrieved":
        nodes, inverse = np.unique(retrieved, return_inverse=True)
        cross = inverse.reshape(retrieved.shape)
    described = np.concatenate([bank.embeddings[nodes], bank.expression[nodes]], axis=1)  # (R, d + G)
    similar, _ = top_k(
        described, described, recipe.reference_neighbours, recipe.reference_metric, exclude_self=True
    )
    return SlideGraph(
        Features(torch.tensor(embeddings, device=device), torch.tensor(described, device=device)),
        Edges(
            _adjacency(_spatial_links(slide, recipe), device),
            torch.tensor(cross, device=device),
            _adjacency(_links(similar), device),
        ),
        bank.slide[nodes],
    )


def _spatial_links(slide: TrainingSlide | QuerySlide, recipe: GraphRecipe) -> sparse.csr_array:
    """TS: each spot's nearest spots, without those beyond the radius (in array units) if there is one."""
    array = slide.array_row_column
    neighbours = spatial_neighbours(neighbour_positions(slide), array, recipe.neighbours)
    if recipe.target_radius is None:
        return _links(neighbours)
    distance = np.linalg.norm(array[neighbours] - array[:, None], axis=2)  # (n, Q)
    return _links(neighbours, distance <= recipe.target_radius * (1 + 1e-9))


def _links(neighbours: np.ndarray, kept: np.ndarray | None = None) -> sparse.csr_array:
    """(n, n) ones where a row's node hears from the column's node; neighbours and kept (n, k)."""
    n, k = neighbours.shape
    kept = np.ones((n, k), dtype=bool) if kept is None else kept
    rows, columns = np.repeat(np.arange(n), k).reshape(n, k)[kept], neighbours[kept]
    return sparse.csr_array((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=(n, n))


def _adjacency(links: sparse.csr_array, device: torch.device) -> torch.Tensor:
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
            check_invariants=True,
        )
