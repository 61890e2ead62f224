"""The network: one space for the patches and the expression of spots, and the branch that helps to find it.

B spots, N = 50 image tokens, G genes.
"""

from __future__ import annotations

from typing import NamedTuple

from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from stbench.nn.projection import ProjectionHead

from .reconstruction import Reconstruction

_HEAD_DROPOUT = 0.1


class Embeddings(NamedTuple):
    """Of the same spots, (B, width) each: from the patch, from the expression, and the first one rebuilt."""

    image: Tensor
    expression: Tensor
    rebuilt: Tensor | None


class Network(nn.Module):
    """Image encoder, a head for each modality and, where wanted, the reconstruction."""

    def __init__(
        self, image_encoder: VisionTransformer, genes: int, width: int, reconstruction: Reconstruction | None
    ):
        super().__init__()
        self.image_encoder = image_encoder
        self.image_head = ProjectionHead(image_encoder.embed_dim, width, _HEAD_DROPOUT)
        self.gene_head = ProjectionHead(genes, width, _HEAD_DROPOUT)
        self.reconstruction = reconstruction

    @property
    def n_tokens(self) -> int:
        """Image tokens of a patch, the class token among them."""
        return self.image_encoder.patch_embed.num_patches + 1

    def forward(self, images: Tensor, expression: Tensor, kept: Tensor | None = None) -> Embeddings:
        """images (B, 3, 224, 224), expression (B, G); kept (B, N, width) says what the mask lets through.

        Nothing is rebuilt without `kept`.
        """
        tokens = self.image_encoder.forward_features(images)  # (B, N, image width)
        rebuilt = None
        if self.reconstruction is not None and kept is not None:
            rebuilt = self.reconstruction(tokens, expression, kept)
        return Embeddings(self.image_head(tokens.mean(1)), self.gene_head(expression), rebuilt)

    def embedded_images(self, images: Tensor) -> Tensor:
        """(B, 3, 224, 224) -> (B, width): all that a query goes through."""
        return self.image_head(self.image_encoder.forward_features(images).mean(1))
