"""The network: patches to capsules, capsules and positions to tokens, tokens to a slide in context, spots to genes.

n spots of one slide, G genes, e patch edge in pixels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stbench.nn.attention import transformer
from stbench.nn.grid_embedding import GridEmbedding

from .capsules import CapsuleNetwork
from .dynamic_convolution import DynamicConvolution
from .graph_attention import GraphAttention, Normalised

WINDOW = 4


class PatchNetwork(nn.Module):
    """Dynamic convolution, ReLU and capsules; in eval mode each patch by itself."""

    def __init__(self, patch_pixels: int, capsules: int, capsule_width: int):
        super().__init__()
        self.convolution = DynamicConvolution(kernel=WINDOW)
        self.capsules = CapsuleNetwork(patch_pixels // WINDOW, capsules, capsule_width)

    def forward(self, images: Tensor) -> Tensor:
        """(n, 3, e, e) from 0 to 255 -> (n, capsules x width)."""
        return self.capsules(F.relu(self.convolution(images))).flatten(1)


class Network(nn.Module):
    """The whole of it; a spot's token is its capsules, its column's and its row's embedding side by side."""

    def __init__(
        self,
        genes: int,
        positions: int,
        patch_pixels: int = 112,
        capsules: int = 20,
        capsule_width: int = 64,
        layers: int = 4,
        heads: int = 16,
        head_width: int = 64,
        hidden: int = 2048,
        graph_heads: int = 8,
        graph_width: int = 1024,
        dropout: float = 0.2,
        position_std: float = 1.0,
        attention_over: Normalised = "neighbours",
    ):
        super().__init__()
        width = (capsules + 2) * capsule_width
        self.patch = PatchNetwork(patch_pixels, capsules, capsule_width)
        self.position = GridEmbedding(positions, capsule_width, position_std)
        self.dropout = nn.Dropout(dropout)
        self.blocks = transformer(layers, width, heads, head_width, hidden, dropout)
        self.first = GraphAttention(width, graph_width, graph_heads, dropout, attention_over)
        self.second = GraphAttention(graph_heads * graph_width, graph_width // 2, 1, dropout, attention_over)
        self.head = nn.Sequential(
            nn.Linear(graph_width // 2, graph_width),
            nn.ReLU(),
            nn.LayerNorm(graph_width),
            nn.Linear(graph_width, genes),
        )

    def forward(self, images: Tensor, columns_rows: Tensor, neighbours: Tensor) -> Tensor:
        """images (n, 3, e, e), columns_rows (n, 2), neighbours (n, K) -> expression (n, G)."""
        return self.expression(self.patch(images), columns_rows, neighbours)

    def expression(self, seen: Tensor, columns_rows: Tensor, neighbours: Tensor) -> Tensor:
        """The same from what the patch network saw, (n, capsules x width)."""
        tokens = torch.cat([seen, *self.position(columns_rows)], dim=1)  # (n, (capsules + 2) x width)
        tokens = self.blocks(self.dropout(tokens))
        return self.head(self.second(self.first(tokens, neighbours), neighbours))
