"""A convolution whose kernel is made from the patch that it is applied to (omni-dimensional dynamic convolution)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class DynamicConvolution(nn.Module):
    """Kernel x kernel convolution with stride `kernel`, no padding and no bias, its own for each of n patches.

    Candidate kernels are mixed and gated along all four of their dimensions (Li, Zhou, Yao, ICLR 2022): the mix by
    a softmax; positions, input channels and filters by sigmoids. All four are read off the patch's mean colour.
    Since windows do not overlap, each patch is cut into its windows and met by one filters x window matrix.
    """

    def __init__(
        self, channels: int = 3, filters: int = 16, kernel: int = 4, candidates: int = 4, squeezed: int = 16
    ):
        super().__init__()
        self.kernel = kernel
        self.candidates = nn.Parameter(torch.empty(candidates, filters, channels, kernel, kernel))
        self.squeeze = nn.Linear(channels, squeezed, bias=False)
        self.norm = nn.BatchNorm1d(squeezed)
        self.channel_gate = nn.Linear(squeezed, channels)
        self.filter_gate = nn.Linear(squeezed, filters)
        self.position_gate = nn.Linear(squeezed, kernel * kernel)
        self.mix = nn.Linear(squeezed, candidates)
        self._initialise()

    def _initialise(self) -> None:
        """He normal by fan-out, biases 0."""
        gates = (self.channel_gate, self.filter_gate, self.position_gate, self.mix)
        for gate in gates:
            nn.init.zeros_(gate.bias)
        for weight in (*self.candidates.unbind(), self.squeeze.weight, *(gate.weight for gate in gates)):
            nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """(n, channels, e, e) -> (n, filters, e / kernel, e / kernel)."""
        windows = F.pixel_unshuffle(
            images, self.kernel
        )  # (n, channels kernel kernel, e / kernel, e / kernel)
        kernels = self.kernels(images.mean((2, 3))).flatten(2)  # (n, filters, channels kernel kernel)
        return (kernels @ windows.flatten(2)).unflatten(2, windows.shape[2:])

    def kernels(self, colours: Tensor) -> Tensor:
        """(n, filters, channels, kernel, kernel) of patches with mean colours (n, channels)."""
        squeezed = F.relu(self.norm(self.squeeze(colours)))
        mixed = torch.einsum("nk,kfcyx->nfcyx", self.mix(squeezed).softmax(1), self.candidates)
        positions = self.position_gate(squeezed).sigmoid().unflatten(1, (self.kernel, self.kernel))
        channels, filters = self.channel_gate(squeezed).sigmoid(), self.filter_gate(squeezed).sigmoid()
        return (
            mixed
            * positions[:, None, None]
            * channels[:, None, :, None, None]
            * filters[:, :, None, None, None]
        )
