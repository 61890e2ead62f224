"""The network: DenseNet-121 up to its pooled features, and one linear layer to all genes.

n patches, G genes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stbench.nn.augmentation import N_SYMMETRIES, symmetry
from stbench.nn.spot_patches import as_images, normalised

from .pixels import PixelStatistics

FEATURES = 1024


def constant_predictor(mean_expression: Tensor) -> nn.Linear:
    """A linear layer that starts by predicting the training mean (G,) whatever it sees: weights 0, bias the mean."""
    head = nn.Linear(FEATURES, len(mean_expression))
    nn.init.zeros_(head.weight)
    with torch.no_grad():
        head.bias.copy_(mean_expression)
    return head


class Network(nn.Module):
    """From patches to expression; the two steps are apart so that a frozen backbone's features can be kept.

    backbone  DenseNet-121's convolutions: (n, 3, edge, edge) -> (n, 1024, edge / 32, edge / 32)
    """

    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(self, backbone: nn.Module, pixels: PixelStatistics, mean_expression: Tensor):
        super().__init__()
        self.backbone = backbone
        self.head = constant_predictor(mean_expression)
        self.register_buffer("pixel_mean", torch.tensor(pixels.mean))
        self.register_buffer("pixel_std", torch.tensor(pixels.std))

    def images(self, patches: Tensor) -> Tensor:
        """(n, edge, edge, 3) uint8 -> (n, 3, edge, edge), normalised by the training patches."""
        return normalised(as_images(patches).div_(255), self.pixel_mean, self.pixel_std)

    def features(self, images: Tensor) -> Tensor:
        """(n, 1024)."""
        return F.relu(self.backbone(images)).mean((2, 3))

    def features_of_copies(self, patches: Tensor, every_copy: bool = True) -> Tensor:
        """(n, 8, 1024) features of patches under the eight symmetries of the square, or (n, 1, 1024) as they are."""
        images = self.images(patches)
        elements = range(N_SYMMETRIES if every_copy else 1)
        return torch.stack([self.features(symmetry(images, element)) for element in elements], 1)

    def forward(self, images: Tensor) -> Tensor:
        """(n, G)."""
        return self.head(self.features(images))
