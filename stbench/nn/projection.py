"""The projection head that BLEEP introduced and mclSTExp and CMRCNet took over."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class ProjectionHead(nn.Module):
    """u = W1 x + b1; output = LayerNorm(dropout(W2 gelu(u) + b2) + u)."""

    def __init__(self, inputs: int, width: int = 256, dropout: float = 0.0):
        super().__init__()
        self.project = nn.Linear(inputs, width)
        self.refine = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(width)

    def forward(self, vectors: Tensor) -> Tensor:
        """(n, inputs) -> (n, width)."""
        projected = self.project(vectors)
        return self.norm(self.dropout(self.refine(F.gelu(projected))) + projected)
