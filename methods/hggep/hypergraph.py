"""The hypergraph over the spots of a slide, and the layers that pass messages along it.

n spots in P passes, d features. Every spot chooses a few others; a hyperedge belongs to each spot and holds those
that chose it. Passes differ in their features, hence in their choices; they form one graph of P n spots.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn import HypergraphConv

# torch-geometric writes the source of a layer to a temporary file when the first is built. Built here, that happens
# when the plugin is loaded, and a fit opens no file at all.
HypergraphConv(1, 1)


class HypergraphRecipe(NamedTuple):
    """How spots choose and hyperedges are weighted; the names are those of HGGEP's hyperparameters."""

    picks: int
    similar: bool
    edge_weight: str


class Hypergraph(NamedTuple):
    """incidence (2, E): a spot and a hyperedge that holds it; weight of each hyperedge."""

    incidence: Tensor
    weight: Tensor


def adjacency_shares(neighbours: Tensor, kept: Tensor) -> Tensor:
    """(n, n) 1 / degree for each of a spot's neighbours (n, k) that is kept; a row of zeros where none is."""
    shares = kept.float() / kept.sum(1, keepdim=True).clamp_min(1)
    dense = torch.zeros(len(neighbours), len(neighbours), device=neighbours.device)
    return dense.scatter_(1, neighbours, shares)


def feature_shares(features: Tensor, similar: bool) -> Tensor:
    """(n, n) Euclidean distance of features (n, d) as a share of its row.

    `similar`: closeness instead, which is how far each distance falls short of the row's largest. Rows in which all
    are equally far are zero.
    """
    # Distances come from a matrix product, in which features far from the origin would cancel.
    centred = features - features.mean(0)
    distance = torch.cdist(centred, centred, compute_mode="use_mm_for_euclid_dist").fill_diagonal_(0)
    if similar:
        distance = (distance.amax(1, keepdim=True) - distance).fill_diagonal_(0)
    return F.normalize(distance, p=1, dim=1)


@torch.no_grad()
def build_hypergraph(features: Tensor, shares: Tensor, recipe: HypergraphRecipe) -> Hypergraph:
    """Each spot chooses those of the largest scores, itself never: its adjacency share plus its feature share.

    features (P, n, d), shares (n, n). Without gradient through choices or weights.
    """
    n, count = len(shares), min(recipe.picks, len(shares) - 1)
    graphs = []
    for one in features:
        scores = shares + feature_shares(one, recipe.similar)
        score, chosen = scores.fill_diagonal_(-torch.inf).topk(count, dim=1)  # (n, count)
        graphs.append((chosen, edge_weights(score, chosen, recipe.edge_weight)))
    first = torch.arange(len(graphs), device=shares.device)[:, None, None] * n
    edges = (torch.stack([chosen for chosen, _ in graphs]) + first).flatten()  # (P n count,)
    spots = torch.arange(len(graphs) * n, device=shares.device).repeat_interleave(count)
    return Hypergraph(torch.stack([spots, edges]), torch.cat([weight for _, weight in graphs]))


def edge_weights(score: Tensor, chosen: Tensor, kind: str) -> Tensor:
    """(n,) weight of each spot's hyperedge, from the scores of the choices (n, count).

    "mean": over the choices of that spot, 0 where nobody chose it. "incidence": hyperedge e takes the score of the
    e-th choice, counted row by row, whomever it fell on; so the released code has it.
    """
    n, count = score.shape
    if kind == "incidence" and count:
        return score.flatten()[:n]
    total = score.new_zeros(n).index_add_(0, chosen.flatten(), score.flatten())
    return total / torch.bincount(chosen.flatten(), minlength=n).clamp_min(1)


class HypergraphLayers(nn.Module):
    """Two hypergraph convolutions (Bai, Zhang, Torr 2021) around a ReLU and a norm, added to what comes in.

    y = D^-1 H B^-1 H^T (x Theta) + b with B the size of a hyperedge and D the summed weights of a spot's hyperedges.
    """

    def __init__(self, width: int, dropout: float):
        super().__init__()
        self.narrow = HypergraphConv(width, width // 2)
        self.norm = nn.LayerNorm(width // 2)
        self.dropout = nn.Dropout(dropout)
        self.widen = HypergraphConv(width // 2, width)

    def forward(self, features: Tensor, incidence: Tensor, weight: Tensor) -> Tensor:
        """(P, n, d) -> (P, n, d)."""
        spots = features.flatten(0, 1)  # (P n, d)
        hidden = self.narrow(spots, incidence, weight, num_edges=len(weight)).relu()
        hidden = self.dropout(self.norm(hidden))
        return features + self.widen(hidden, incidence, weight, num_edges=len(weight)).view_as(features)
