"""The graph of one slide: its windows, the training spots that they resemble, and the links between them."""

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
# Pitches within which windows are neighbours: the eight around one on a square array, the six on a hexagonal one.
REACH = 1.5
# The released code's grid: cells of 256 pixels; strictly within sqrt(2) lie the cell itself and the four beside it.
CELL_PIXELS, CELL_REACH = 256, 2**0.5


class GraphRecipe(NamedTuple):
    """How a graph is built; the names are those of EGGN's hyperparameters."""

    exemplars: int
    retrieval_metric: Metric
    close_exemplars: int
    neighbours: int
    near: str


class SlideGraph(NamedTuple):
    """Features and edges as tensors, and from which slide each exemplar comes (R,)."""

    features: Features
    edges: Edges
    exemplar_slide: np.ndarray


def build_graph(
    slide: TrainingSlide | QuerySlide, bank: TrainingBank, recipe: GraphRecipe, device: torch.device = CPU
) -> SlideGraph:
    """Link the windows of `slide` to each other and to their exemplars in `bank`, and the exemplars likewise.

    Every retrieved bank spot is one node, however many windows retrieve it.
    """
    embeddings = slide_embeddings(slide)
    retrieved, _ = top_k(embeddings, bank.embeddings, recipe.exemplars, recipe.retrieval_metric)  # (n, K)
    nodes, inverse = np.unique(retrieved, return_inverse=True)
    described = np.concatenate([bank.embeddings[nodes], bank.expression[nodes]], axis=1)  # (R, d + G)
    close, _ = top_k(described, described, recipe.close_exemplars, "l2", exclude_self=True)  # (R, 3)
    near = _near_windows(slide, recipe)
    return SlideGraph(
        Features(
            torch.tensor(embeddings, dtype=torch.float32, device=device),
            torch.tensor(bank.embeddings[nodes], dtype=torch.float32, device=device),
            torch.tensor(bank.expression[nodes], dtype=torch.float32, device=device),
        ),
        Edges(
            adjacency(near, device),
            torch.tensor(inverse.reshape(retrieved.shape), device=device),
            adjacency(links(close), device),
        ),
        bank.slide[nodes],
    )


def _near_windows(slide: TrainingSlide | QuerySlide, recipe: GraphRecipe) -> sparse.csr_array:
    """Each window's nearest windows: by cells, or within 1.5 pitches (median distances to the nearest window)."""
    if recipe.near == "cells":
        return cell_links(slide, CELL_PIXELS, CELL_REACH, recipe.neighbours)
    positions = np.asarray(neighbour_positions(slide), dtype=np.float64)
    neighbours = spatial_neighbours(positions, slide.array_row_column, recipe.neighbours)  # (n, Q)
    distance = np.linalg.norm(positions[neighbours] - positions[:, None], axis=2)
    pitch = np.median(distance[:, 0]) if distance.size else 0.0
    return links(neighbours, distance <= REACH * pitch)
