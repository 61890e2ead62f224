"""From the three views of a spot to three sequences of tokens.

B spots, edge E of a view in pixels, D width of a token, n = (E / 16)^2 tokens of one token maker.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

# Edge in pixels of what becomes a token: the whole view, its central half and its central quarter give n each.
WHOLE, HALF, QUARTER = 16, 8, 4


def centre(images: Tensor, parts: int) -> Tensor:
    """(B, 3, E / parts, E / parts), cut from the middle of images (B, 3, E, E)."""
    edge = images.shape[-1]
    margin = (edge - edge // parts) // 2
    kept = slice(margin, margin + edge // parts)
    return images[..., kept, kept]


def squares(images: Tensor, edge: int) -> Tensor:
    """(B, N, 3 edge^2) squares of the images, row after row; numbers go by row, column, channel."""
    rows = images.unflatten(3, (-1, edge)).unflatten(2, (-1, edge))  # (B, 3, rows, edge, columns, edge)
    return rows.permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)


class TokenMaker(nn.Module):
    """Squares of `edge` pixels, normalised, through one hidden layer of 3 D edge / 16, normalised again."""

    def __init__(self, edge: int, width: int):
        super().__init__()
        self.edge = edge
        numbers, hidden = 3 * edge**2, 3 * width * edge // WHOLE
        self.layers = nn.Sequential(
            nn.LayerNorm(numbers),
            nn.Linear(numbers, hidden),
            nn.GELU(),
            nn.Linear(hidden, width),
            nn.LayerNorm(width),
        )

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, H W / edge^2, D)."""
        return self.layers(squares(images, self.edge))


class DeformablePatchEmbedding(nn.Module):
    """Tokens of each view: fine ones for the field of the first view, coarser ones around it, a class token first.

    The token makers are shared by the views, and so is the class token; each view has positions of its own.
    """

    def __init__(self, edge: int, width: int):
        super().__init__()
        n = (edge // WHOLE) ** 2
        self.of_whole, self.of_half, self.of_quarter = (
            TokenMaker(size, width) for size in (WHOLE, HALF, QUARTER)
        )
        self.class_token = nn.Parameter(torch.randn(width))
        self.positions = nn.ParameterList(torch.randn(1 + makers * n, width) for makers in (1, 2, 3))

    def forward(self, views: list[Tensor]) -> list[Tensor]:
        """Three views (B, 3, E, E) -> tokens (B, 1 + n, D), (B, 1 + 2n, D), (B, 1 + 3n, D)."""
        first, second, third = views
        made = [
            [self.of_whole(first)],
            [self.of_half(centre(second, 2)), self.of_whole(second)],
            [self.of_quarter(centre(third, 4)), self.of_half(centre(third, 2)), self.of_whole(third)],
        ]
        first_token = self.class_token.expand(len(first), 1, -1)
        return [
            torch.cat([first_token, *tokens], 1) + position
            for tokens, position in zip(made, self.positions, strict=True)
        ]
