"""The network: each spot of a slide is one token of a transformer.

N spots of one slide, e patch edge in pixels, d width, G genes. Leading dimensions are free: (N, ...) or (1, N, ...).
"""

from __future__ import annotations

from torch import Tensor, nn

from stbench.nn.attention import transformer
from stbench.nn.grid_embedding import GridEmbedding


class PatchEmbedding(nn.Linear):
    """Linear map of all pixel values of a patch, which arrive as uint8 and are multiplied by `scale`."""

    def __init__(self, edge: int, width: int, scale: float):
        super().__init__(3 * edge * edge, width)
        self.scale = scale

    def forward(self, input: Tensor) -> Tensor:
        """(..., 3 e e) from 0 to 255 -> (..., d)."""
        pixels = input.float()
        return super().forward(pixels if self.scale == 1 else pixels * self.scale)


class Network(nn.Module):
    """Patch embedding plus position, a pre-norm transformer over the spots, LayerNorm and a linear head."""

    def __init__(
        self,
        genes: int,
        positions: int,
        patch_pixels: int = 112,
        pixel_scale: float = 1.0,
        width: int = 1024,
        layers: int = 8,
        heads: int = 16,
        head_width: int = 64,
        hidden: int = 2048,
        dropout: float = 0.1,
    ):
        super().__init__()
        self.patch = PatchEmbedding(patch_pixels, width, pixel_scale)
        self.position = GridEmbedding(positions, width)
        self.dropout = nn.Dropout(dropout)
        self.blocks = transformer(layers, width, heads, head_width, hidden, dropout)
        self.norm, self.genes = nn.LayerNorm(width), nn.Linear(width, genes)

    def forward(self, patches: Tensor, columns_rows: Tensor) -> Tensor:
        """patches (..., N, 3 e e), columns_rows (..., N, 2) -> expression (..., N, G)."""
        return self.expression(self.patch(patches), columns_rows)

    def expression(self, embedded: Tensor, columns_rows: Tensor) -> Tensor:
        """The same from embedded patches (..., N, d)."""
        column, row = self.position(columns_rows)
        return self.genes(self.norm(self.blocks(self.dropout(embedded + column + row))))
