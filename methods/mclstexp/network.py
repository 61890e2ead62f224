"""The network: patches through a DenseNet, spots through a small transformer, both into one space.

B patches, S spots of one sequence, G genes, `width` of the shared space.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from stbench.nn.attention import transformer
from stbench.nn.checkpointing import run_stage
from stbench.nn.grid_embedding import GridEmbedding
from stbench.nn.projection import ProjectionHead

IMAGE_FEATURES = 1024
RECOMPUTE_FROM = 64


class ImageEncoder(nn.Module):
    """DenseNet-121 up to its last batch norm, averaged over space without the ReLU that usually stands between.

    What it keeps for the backward pass is nearly all copies of earlier layers' maps joined
    together. From `recompute_from` patches on, what a dense layer makes of them is computed again on the way back:
    the same gradients for half a forward pass more.
    """

    def __init__(self, densenet_features: nn.Sequential, recompute_from: int = RECOMPUTE_FROM):
        super().__init__()
        self.features = densenet_features
        self.recompute_from = recompute_from

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, edge, edge) -> (B, 1024)."""
        again = self.training and len(images) >= self.recompute_from
        maps = images
        for name, stage in self.features.named_children():
            maps = frugal_dense_block(stage, maps) if again and "denseblock" in name else stage(maps)
        return maps.mean((2, 3))  # (B, 1024, edge / 32, edge / 32) -> (B, 1024)


class JoinedInputs(nn.Module):
    """A dense layer that takes the maps of the layers before it as separate arguments."""

    def __init__(self, layer: nn.Module):
        super().__init__()
        self.layer = layer

    def forward(self, *maps: Tensor) -> Tensor:
        return self.layer(list(maps))


def frugal_dense_block(block: nn.Module, maps: Tensor) -> Tensor:
    """What `block` makes of `maps`, each layer's inner tensors computed again for the backward pass."""
    kept = [maps]
    for layer in block.children():
        kept.append(run_stage(JoinedInputs(layer), *kept, recompute=True))
    return torch.cat(kept, 1)


class SpotEncoder(nn.Module):
    """Expression plus embeddings of column and row, then attention among the spots of the sequence, unmasked.

    The feed-forward layers are as wide as the panel.
    """

    def __init__(self, genes: int, n_pos: int, layers: int, heads: int, head_width: int):
        super().__init__()
        self.position = GridEmbedding(n_pos, genes)
        self.blocks = transformer(layers, genes, heads, head_width, hidden=genes)

    def forward(self, expression: Tensor, columns_rows: Tensor) -> Tensor:
        """expression (S, G), columns_rows (S, 2) indices -> (S, G); the spots given are one sequence."""
        column, row = self.position(columns_rows)
        return self.blocks(expression + column + row)


class Network(nn.Module):
    """Both encoders, each with a projection head of its own."""

    def __init__(self, image_encoder: ImageEncoder, spot_encoder: SpotEncoder, genes: int, width: int):
        super().__init__()
        self.image_encoder, self.spot_encoder = image_encoder, spot_encoder
        self.image_head = ProjectionHead(IMAGE_FEATURES, width)
        self.spot_head = ProjectionHead(genes, width)

    def embedded_images(self, images: Tensor) -> Tensor:
        """(B, 3, edge, edge) in [0, 1] -> (B, width)."""
        return self.image_head(self.image_encoder(images))

    def embedded_spots(self, expression: Tensor, columns_rows: Tensor) -> Tensor:
        """One sequence: expression (S, G), columns_rows (S, 2) -> (S, width)."""
        return self.spot_head(self.spot_encoder(expression, columns_rows))
