"""What a spot's state was at several depths of a network, read in order by an LSTM (Hist2ST, HGGEP)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class DepthFusion(nn.Module):
    """A one-way LSTM of `layers` layers over the depths of each spot; the mean of its outputs."""

    def __init__(self, width: int, layers: int):
        super().__init__()
        self.lstm = nn.LSTM(width, width, layers)

    def forward(self, *depths: Tensor) -> Tensor:
        """Tensors (..., width), one for each depth, first depth first -> (..., width)."""
        sequence = torch.stack([depth.flatten(0, -2) for depth in depths])  # (depths, spots, width)
        return self.lstm(sequence)[0].mean(0).view_as(depths[0])
