"""The branch that trains along: masked image tokens ask the gene tokens what the patch looked like.

B spots, N image tokens, G genes, `width` of the shared space. Prediction does without this branch.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from stbench.nn.attention import FeedForward, SelfAttention

GENE_TOKENS = 8
FIRST_HEADS, HEADS = 4, 8
_GENE_DROPOUT, _QUERY_KEY_DROPOUT, _FUSION_DROPOUT = 0.25, 0.25, 0.1


class GeneTokens(nn.Module):
    """A self-normalising layer that cuts a spot's expression into eight tokens."""

    def __init__(self, genes: int, width: int):
        super().__init__()
        self.project = nn.Linear(genes, GENE_TOKENS * width)
        self.dropout = nn.AlphaDropout(_GENE_DROPOUT)

    def forward(self, expression: Tensor) -> Tensor:
        tokens = self.dropout(F.elu(self.project(expression)))
        return tokens.unflatten(1, (GENE_TOKENS, -1))  # (B, 8 width) -> (B, 8, width)


class GeneAttention(nn.Module):
    """What each image token is, and what the gene tokens tell it, by head; no output projection."""

    def __init__(self, width: int):
        super().__init__()
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.query_value, self.key_value = nn.Linear(width, width), nn.Linear(width, width)
        self.dropout = nn.Dropout(_QUERY_KEY_DROPOUT)

    def forward(self, image: Tensor, genes: Tensor) -> Tensor:
        """image (B, N, width), genes (B, 8, width) -> (B, N, width)."""
        query = self.dropout(F.relu(self.query(image)))
        key = self.dropout(F.relu(self.key(genes)))
        by_head = (
            tokens.unflatten(-1, (HEADS, -1)).transpose(1, 2)  # (B, tokens, width) -> (B, 8 heads, tokens, .)
            for tokens in (query, key, self.key_value(key))
        )
        heard = F.scaled_dot_product_attention(*by_head)
        return self.query_value(query) + heard.transpose(1, 2).flatten(2)  # (B, N, width)


class FusionBlock(nn.Module):
    """Self-attention, an MLP and attention to the gene tokens, each added to the image tokens."""

    def __init__(self, width: int):
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = SelfAttention(width, HEADS, width // HEADS, _FUSION_DROPOUT, qkv_bias=True)
        self.feed_forward_norm = nn.LayerNorm(width)
        self.feed_forward = FeedForward(width, 4 * width, _FUSION_DROPOUT)
        self.gene_attention = GeneAttention(width)

    def forward(self, image: Tensor, genes: Tensor) -> Tensor:
        image = image + self.attention(self.attention_norm(image))
        image = image + self.feed_forward(self.feed_forward_norm(image))
        return image + self.gene_attention(image, genes)


class Reconstruction(nn.Module):
    """Rebuilds a spot's image embedding from masked image tokens and its gene tokens.

    Two fusion passes, through one block unless not `tied`.
    """

    def __init__(self, genes: int, image_width: int, width: int, tied: bool = True):
        super().__init__()
        self.gene_tokens = GeneTokens(genes, width)
        self.reduce = nn.Linear(image_width, width)
        self.first_attention = nn.MultiheadAttention(width, FIRST_HEADS, batch_first=True)
        blocks = [FusionBlock(width)]
        blocks.append(blocks[0] if tied else FusionBlock(width))
        self.fusion = nn.ModuleList(blocks)

    def forward(self, image_tokens: Tensor, expression: Tensor, kept: Tensor) -> Tensor:
        """image_tokens (B, N, image width), expression (B, G), kept (B, N, width) bool -> (B, width)."""
        genes = self.gene_tokens(expression)
        masked = self.reduce(image_tokens) * kept
        tokens, _ = self.first_attention(masked, genes, genes, need_weights=False)  # (B, N, width)
        for block in self.fusion:
            tokens = block(tokens, genes)
        return tokens.mean(1)
