"""The network: three views of a spot through blocks that mix within and across them, to one expression vector."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .mixing import N_VIEWS, CrossViewChannelMixing, CrossViewTokenMixing, TokenMixing, TokenwiseMixing
from .tokens import DeformablePatchEmbedding


class Block(nn.Module):
    """Tokens within each view, numbers within each token, tokens across views, channels across views."""

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.within = nn.ModuleList(TokenMixing(width, heads, dropout) for _ in range(N_VIEWS))
        self.tokenwise = TokenwiseMixing(width)
        self.across = CrossViewTokenMixing(width, heads)
        self.channels = CrossViewChannelMixing(width)

    def forward(self, views: list[Tensor]) -> list[Tensor]:
        views = [self.tokenwise(mix(view)) for mix, view in zip(self.within, views, strict=True)]
        return self.channels(self.across(views))


class Network(nn.Module):
    """Tokens, `depth` blocks with weights of their own, a norm, and a linear head on the three class tokens.

    edge is that of the views in pixels, a multiple of 16; width and heads count for each view.
    """

    def __init__(self, genes: int, edge: int, width: int, depth: int, heads: int, dropout: float = 0.0):
        super().__init__()
        self.embedding = DeformablePatchEmbedding(edge, width)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(N_VIEWS * width, genes)

    def forward(self, views: list[Tensor]) -> Tensor:
        """Three views (B, 3, edge, edge) in [0, 1] -> (B, G)."""
        tokens = self.embedding(views)
        for block in self.blocks:
            tokens = block(tokens)
        return self.head(torch.cat([self.norm(view[:, 0]) for view in tokens], dim=1))
