"""The network: a patch and an expression profile, each mapped to one space of `width` numbers.

n spots, G genes.
"""

from __future__ import annotations

from torch import Tensor, nn

from stbench.nn.projection import ProjectionHead

FEATURES = 2048


class Network(nn.Module):
    """An image encoder, and a projection head for either modality; profiles need no encoder.

    encoder  (n, 3, edge, edge) -> (n, 2048)
    Embeddings are not normalised to unit length: the head's layer norm leaves them about sqrt(width) long.
    """

    def __init__(self, encoder: nn.Module, genes: int, width: int, dropout: float):
        super().__init__()
        self.encoder = encoder
        self.image_head = ProjectionHead(FEATURES, width, dropout)
        self.expression_head = ProjectionHead(genes, width, dropout)

    def embed_images(self, images: Tensor) -> Tensor:
        """(n, 3, edge, edge) -> (n, width)."""
        return self.image_head(self.encoder(images))

    def embed_expression(self, expression: Tensor) -> Tensor:
        """(n, G) -> (n, width)."""
        return self.expression_head(expression)
