"""Transformer blocks over the spots of a slide (or over any sequence), with fused attention.

Attention is exact; no score matrix is held, so that 5,000 spots cost little memory. B sequences (any leading
dimensions), N tokens, `width` numbers each.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class SelfAttention(nn.Module):
    """Multi-head self-attention without mask and without dropout on the weights (Vaswani et al., 2017).

    One joint projection to query, key and value, without bias unless `qkv_bias`; `heads` of `head_width` numbers,
    scaled by 1 / sqrt(head_width); an output projection with bias, then dropout.
    """

    def __init__(self, width: int, heads: int, head_width: int, dropout: float = 0.0, qkv_bias: bool = False):
        super().__init__()
        self.heads = heads
        self.to_qkv = nn.Linear(width, 3 * heads * head_width, bias=qkv_bias)
        self.to_output = nn.Linear(heads * head_width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """(..., N, width) -> (..., N, width)."""
        qkv = self.to_qkv(tokens).unflatten(-1, (3, self.heads, -1))  # (..., N, 3, heads, head width)
        query, key, value = qkv.movedim(-3, 0).transpose(-2, -3)  # 3 x (..., heads, N, head width)
        # Fused kernels want a batch dimension; without one some releases of torch hold all scores.
        batched = (part.reshape(-1, *part.shape[-3:]) for part in (query, key, value))
        mixed = F.scaled_dot_product_attention(*batched).view_as(query)
        return self.dropout(self.to_output(mixed.transpose(-2, -3).flatten(-2)))


class FeedForward(nn.Sequential):
    """Linear, GELU (exact), dropout, linear, dropout."""

    def __init__(self, width: int, hidden: int, dropout: float = 0.0):
        super().__init__(
            nn.Linear(width, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, width),
            nn.Dropout(dropout),
        )


class TransformerBlock(nn.Module):
    """Pre-norm block: x + attention(norm(x)), then x + feed-forward(norm(x))."""

    def __init__(self, width: int, heads: int, head_width: int, hidden: int, dropout: float = 0.0):
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = SelfAttention(width, heads, head_width, dropout)
        self.feed_forward_norm = nn.LayerNorm(width)
        self.feed_forward = FeedForward(width, hidden, dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """(..., N, width) -> (..., N, width)."""
        tokens = tokens + self.attention(self.attention_norm(tokens))
        return tokens + self.feed_forward(self.feed_forward_norm(tokens))


def transformer(
    depth: int, width: int, heads: int, head_width: int, hidden: int, dropout: float = 0.0
) -> nn.Sequential:
    """`depth` blocks, weights not shared, no final norm."""
    return nn.Sequential(*(TransformerBlock(width, heads, head_width, hidden, dropout) for _ in range(depth)))
