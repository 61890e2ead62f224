"""The capsule network: feature maps to primary capsules to 20 output capsules, routed in one pass.

After Mazzia, Salvetti, Chiaberge: Efficient-CapsNet, Scientific Reports 11 (2021).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

PRIMARY, PRIMARY_WIDTH = 16, 8
# Far below any capsule's length; keeps the direction of a zero vector finite.
_TINY = 1e-12


def squash(vectors: Tensor) -> Tensor:
    """(..., d) vectors in their own direction with length 1 - exp(-length)."""
    length = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return -torch.expm1(-length) * vectors / length.clamp_min(_TINY)


def remaining_edge(edge: int) -> int:
    """Edge of the last feature map for maps that come in with `edge`: 9 for 28, below 1 where they are too small."""
    return (edge - 4 - 2 - 2 - 3) // 2 + 1


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Convolution without padding, weights He normal by fan-in, then batch norm and ReLU."""
    layer = nn.Conv2d(inputs, outputs, kernel, stride)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class Routing(nn.Module):
    """Each output capsule's view of each primary capsule, weighted by how well it agrees with its other views."""

    def __init__(self, capsules: int, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(capsules, PRIMARY, PRIMARY_WIDTH, width))
        self.bias = nn.Parameter(torch.zeros(capsules, PRIMARY))
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")  # takes 16 x 8 x width as fan-in

    def forward(self, primary: Tensor) -> Tensor:
        """(n, 16, 8) -> (n, capsules, width)."""
        views = torch.einsum("kjio,nji->nkjo", self.weight, primary)  # (n, capsules, 16, width)
        agreement = (views * views.sum(2, keepdim=True)).sum(3) * self.weight.shape[3] ** -0.5
        coupling = agreement.softmax(1) + self.bias  # (n, capsules, 16), over the output capsules
        return squash((coupling.unsqueeze(3) * views).sum(2))


class CapsuleNetwork(nn.Module):
    """Four convolutions, a depthwise one that spans the whole map, and routing."""

    def __init__(self, edge: int, capsules: int, width: int):
        super().__init__()
        self.features = nn.Sequential(
            convolution(16, 32, 5), convolution(32, 64, 3), convolution(64, 64, 3), convolution(64, 128, 3, 2)
        )
        primary = PRIMARY * PRIMARY_WIDTH
        self.primary = nn.Conv2d(primary, primary, remaining_edge(edge), groups=primary)
        self.routing = Routing(capsules, width)

    def forward(self, maps: Tensor) -> Tensor:
        """(n, 16, edge, edge) -> (n, capsules, width), each capsule shorter than 1."""
        primary = self.primary(self.features(maps)).reshape(-1, PRIMARY, PRIMARY_WIDTH)  # (n, 16, 8)
        return self.routing(squash(primary))
