"""The four kinds of mixing that an encoder block is made of.

State: three views, (B, N, D) each with its own number N of tokens; H heads of D / H numbers. Attention is fused and
exact: no score matrix is held, except with dropout on its weights, for which torch has no fused kernel on the CPU.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stbench.nn.attention import FeedForward

N_VIEWS = 3


def by_head(projected: Tensor, heads: int) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values (B, H, N, D / H) from a joint projection (B, N, 3 D)."""
    query, key, value = projected.unflatten(2, (3, heads, -1)).permute(2, 0, 3, 1, 4)
    return query, key, value


def joined(heads: Tensor) -> Tensor:
    """(B, H, N, D / H) -> (B, N, D)."""
    return heads.transpose(1, 2).flatten(2)


class TokenMixing(nn.Module):
    """x + attention of one view's tokens to each other, without a norm before it.

    `dropout` masks attention weights at random in training; on the CPU their matrices are then held for the gradient.
    """

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.to_qkv = nn.Linear(width, 3 * width, bias=False)
        self.to_output = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, D) -> (B, N, D)."""
        rate = self.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(*by_head(self.to_qkv(tokens), self.heads), dropout_p=rate)
        return tokens + self.to_output(joined(mixed))


class TokenwiseMixing(nn.Module):
    """x + GELU(two-layer perceptron of the norm of x), the same weights for every token of every view."""

    def __init__(self, width: int):
        super().__init__()
        self.layers = nn.Sequential(nn.LayerNorm(width), FeedForward(width, 2 * width // 3), nn.GELU())

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, D) -> (B, N, D)."""
        return tokens + self.layers(tokens)


class CrossViewTokenMixing(nn.Module):
    """Each view becomes what its tokens find in the other two views; no residual."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.to_qkv = nn.ModuleList(nn.Linear(width, 3 * width, bias=False) for _ in range(N_VIEWS))
        self.to_output = nn.ModuleList(nn.Linear(2 * width, width) for _ in range(N_VIEWS))

    def forward(self, views: list[Tensor]) -> list[Tensor]:
        """Three times (B, N, D); the two parts that a view finds stand in the order of the views."""
        parts = [
            by_head(to_qkv(self.norm(view)), self.heads)
            for to_qkv, view in zip(self.to_qkv, views, strict=True)
        ]
        found: list[list[Tensor]] = [[] for _ in views]
        for asked, (_, key, value) in enumerate(parts):
            # Rows of an attention product do not influence each other: both askers share one product.
            asking = [view for view in range(N_VIEWS) if view != asked]
            queries = torch.cat([parts[view][0] for view in asking], dim=2)  # (B, H, N_i + N_k, D / H)
            answers = joined(F.scaled_dot_product_attention(queries, key, value))
            lengths = [views[view].shape[1] for view in asking]
            for view, answer in zip(asking, answers.split(lengths, dim=1), strict=True):
                found[view].append(answer)
        return [
            to_output(torch.cat(answers, dim=2))
            for to_output, answers in zip(self.to_output, found, strict=True)
        ]


class CrossViewChannelMixing(nn.Module):
    """Squeeze and excitation over the channels of all views: each view times 1 + its gates."""

    def __init__(self, width: int):
        super().__init__()
        channels = N_VIEWS * width
        self.gates = nn.Sequential(nn.LayerNorm(channels), FeedForward(channels, 2 * width), nn.Sigmoid())

    def forward(self, views: list[Tensor]) -> list[Tensor]:
        """Three times (B, N, D)."""
        means = torch.cat([view.mean(1) for view in views], dim=1)  # (B, 3 D)
        gates = self.gates(means).unsqueeze(1).chunk(N_VIEWS, dim=2)  # 3 x (B, 1, D)
        return [view * (1 + gate) for view, gate in zip(views, gates, strict=True)]
