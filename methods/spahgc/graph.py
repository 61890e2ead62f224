"""The graph of one slide: its spots, the training spots that they resemble, and the links between them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from scipy import sparse

from stbench.nn.adjacency import adjacency, links
from stbench.nn.cell_links import cell_links
from stbench.nn.training_bank import TrainingBank, slide_embeddings
from stbench.preprocess.neighbours import Metric, neighbour_positions, spatial_neighbours, top_k
from stbench.slide import QuerySlide, TrainingSlide

from .network import Edges, Features

CPU = torch.device("cpu")
# The released code's grid of full-resolution pixels, in which its radius is counted.
CELL_PIXELS = 224


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


def build_graph(
    slide: TrainingSlide | QuerySlide,
    bank: TrainingBank,
    recipe: GraphRecipe,
    device: torch.device = CPU,
) -> SlideGraph:
    """Link the spots of `slide` to each other and to their references in `bank`, and the references likewise."""
    embeddings = slide_embeddings(slide)
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
            adjacency(_spatial_links(slide, recipe), device),
            torch.tensor(cross, device=device),
            adjacency(links(similar), device),
        ),
        bank.slide[nodes],
    )


def _spatial_links(slide: TrainingSlide | QuerySlide, recipe: GraphRecipe) -> sparse.csr_array:
    """TS: each spot's nearest spots; with a radius those within it in cells of 224 pixels, as many at most."""
    if recipe.target_radius is not None:
        return cell_links(slide, CELL_PIXELS, recipe.target_radius, recipe.neighbours)
    positions = neighbour_positions(slide)
    return links(spatial_neighbours(positions, slide.array_row_column, recipe.neighbours))
