"""The network: three features of each spot, three transformers, the hypergraph, and the LSTM over all four.

n spots of one slide in P passes (one while predicting; the plain one and the augmented copies while training),
d numbers for each feature, G genes. Passes share the spots' positions and adjacency.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from stbench.nn.attention import transformer
from stbench.nn.checkpointing import run_stage
from stbench.nn.depth_fusion import DepthFusion
from stbench.nn.distilled_heads import SpotHeads
from stbench.nn.grid_embedding import GridEmbedding

from .hypergraph import HypergraphLayers, HypergraphRecipe, build_hypergraph
from .patches import PatchEncoder

N_TAPS = 3


class Places(NamedTuple):
    """Where a slide's spots lie: (n, 2) indices into the position tables, (n, n) adjacency shares."""

    columns_rows: Tensor
    shares: Tensor


class SpotNetwork(nn.Module):
    """A transformer for each feature, the hypergraph over their sum, and the LSTM that reads all four."""

    def __init__(
        self,
        width: int,
        n_positions: int,
        depth: int,
        heads: int,
        head_width: int,
        lstm_layers: int,
        dropout: float,
        graph_dropout: float,
        recipe: HypergraphRecipe,
    ):
        super().__init__()
        self.recipe = recipe
        self.position = GridEmbedding(n_positions, width)
        self.transformers = nn.ModuleList(
            transformer(depth, width, heads, head_width, hidden=width, dropout=dropout) for _ in range(N_TAPS)
        )
        self.hypergraph = HypergraphLayers(width, graph_dropout)
        self.fusion = DepthFusion(width, lstm_layers)

    def forward(self, features: Tensor, places: Places, recompute: bool = False) -> Tensor:
        """(P, n, 3, d) -> (P, n, d)."""
        column, row = self.position(places.columns_rows)
        depths = []
        for feature, blocks in zip(features.unbind(2), self.transformers, strict=True):
            states = feature + column + row
            for block in blocks.children():
                states = run_stage(block, states, recompute=recompute)
            depths.append(states)
        total = depths[0] + depths[1] + depths[2]
        incidence, weight = build_hypergraph(total, places.shares, self.recipe)
        depths.append(run_stage(self.hypergraph, total, incidence, weight, recompute=recompute))
        return run_stage(self.fusion, *depths, recompute=recompute)


class Network(nn.Module):
    """Patches, spots, heads: from the images of a slide's spots to expression."""

    def __init__(self, patches: PatchEncoder, spots: SpotNetwork, heads: SpotHeads):
        super().__init__()
        self.patches, self.spots, self.heads = patches, spots, heads

    def states(self, passes: Sequence[Tensor], places: Places, recompute: bool = False) -> Tensor:
        """P passes of images (n, 3, edge, edge) -> (P, n, d).

        Each pass has batch statistics of its own in the patch encoder; from there on passes form a batch.
        """
        features = torch.stack([self.patches(images, recompute) for images in passes])  # (P, n, 3, d)
        return self.spots(features, places, recompute)

    def forward(self, images: Tensor, places: Places) -> Tensor:
        """(n, 3, edge, edge) -> (n, G)."""
        return self.heads(self.states([images], places))[0]
