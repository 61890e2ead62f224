"""From patches to three features of each spot: gradient enhancement, ShuffleNet and the taps on its last stages.

n spots, patches of 112 pixels; the comments give the shape of one spot.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stbench.nn.checkpointing import run_stage

TAP_CHANNELS = 64
_CROSS = (1, 3, 4, 5, 7)  # top, left, centre, right and bottom of a 3 x 3 kernel
_CENTRE = 4
_CHANNELS = {"stage4": 192, "conv5": 1024}


class CrossDifference(nn.Module):
    """Convolution with a cross-shaped kernel, stride 2, minus theta times the centre pixel times the kernel's sum."""

    pattern: Tensor  # (5, 9): where each weight stands in the kernel, and what it takes from the centre

    def __init__(self, inputs: int, outputs: int, theta: float):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs, len(_CROSS)))
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)  # as torch starts its own convolutions
        pattern = F.one_hot(torch.tensor(_CROSS), 9).float()
        pattern[:, _CENTRE] -= theta
        self.register_buffer("pattern", pattern, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        kernel = (self.weight @ self.pattern).unflatten(2, (3, 3))  # (outputs, inputs, 3, 3)
        return F.conv2d(images, kernel, stride=2, padding=1)


class GradientEnhancement(nn.Module):
    """GEM: a plain and a difference convolution side by side, joined by a 1x1 convolution with a ring of padding."""

    def __init__(self, theta: float):
        super().__init__()
        self.plain = self._branch(nn.Conv2d(3, 3, 3, stride=2, padding=1), 3)
        self.difference = self._branch(CrossDifference(3, 3, theta), 3)
        self.join = self._branch(nn.Conv2d(6, 3, 1, padding=1), 3)

    @staticmethod
    def _branch(conv: nn.Module, channels: int) -> nn.Sequential:
        return nn.Sequential(conv, nn.BatchNorm2d(channels), nn.ReLU6())

    def forward(self, images: Tensor) -> Tensor:
        """3 x 112 x 112 -> 3 x 58 x 58."""
        return self.join(torch.cat([self.plain(images), self.difference(images)], dim=1))


class ChannelSpatialAttention(nn.Module):
    """CBAM (Woo et al., ECCV 2018): a gate for each channel, then one for each pixel."""

    def __init__(self, channels: int, reduction: int = 16, kernel: int = 7):
        super().__init__()
        self.channel = nn.Sequential(
            nn.Conv2d(channels, channels // reduction, 1, bias=False),
            nn.ReLU(),
            nn.Conv2d(channels // reduction, channels, 1, bias=False),
        )
        self.spatial = nn.Conv2d(2, 1, kernel, padding=kernel // 2)

    def forward(self, maps: Tensor) -> Tensor:
        average, largest = maps.mean((2, 3), keepdim=True), maps.amax((2, 3), keepdim=True)  # C x 1 x 1
        maps = maps * (self.channel(average) + self.channel(largest)).sigmoid()
        pooled = torch.cat([maps.mean(1, keepdim=True), maps.amax(1, keepdim=True)], dim=1)  # 2 x h x w
        return maps * self.spatial(pooled).sigmoid()


class Tap(nn.Sequential):
    """Attention, batch normalisation, a 1x1 convolution, flattened: a feature vector from a stage's maps."""

    def __init__(self, channels: int, outputs: int):
        super().__init__(
            ChannelSpatialAttention(channels),
            nn.BatchNorm2d(channels),
            nn.Conv2d(channels, outputs, 1),
            nn.Flatten(),
        )


class LastStage(nn.Module):
    """The last stages of the backbone and the three taps: from stage 4, from conv5, from the pooled conv5."""

    def __init__(self, stage4: nn.Module, conv5: nn.Module, width: int):
        super().__init__()
        self.stage4, self.conv5 = stage4, conv5
        self.taps = nn.ModuleList(
            [
                Tap(_CHANNELS["stage4"], TAP_CHANNELS),
                Tap(_CHANNELS["conv5"], TAP_CHANNELS),
                Tap(_CHANNELS["conv5"], width),
            ]
        )

    def forward(self, maps: Tensor) -> Tensor:
        """96 x 8 x 8 -> (n, 3, d)."""
        fourth = self.stage4(maps)  # 192 x 4 x 4
        fifth = self.conv5(fourth)  # 1024 x 4 x 4
        pooled = fifth.amax((2, 3), keepdim=True)  # 1024 x 1 x 1
        sources = (fourth, fifth, pooled)
        return torch.stack([tap(source) for tap, source in zip(self.taps, sources, strict=True)], dim=1)


class PatchEncoder(nn.Module):
    """Gradient enhancement, then ShuffleNet V2 x0.5 without its max-pool, and the taps.

    backbone  torchvision's shufflenet_v2_x0_5; its classifier is left behind
    edge      pixels of a patch: d is 64 times the pixels of the last maps, 64 x 4 x 4 = 1024 for 112
    """

    def __init__(self, backbone: nn.Module, edge: int, theta: float):
        super().__init__()
        self.width = TAP_CHANNELS * last_map_edge(edge) ** 2
        self.stages = nn.ModuleList(
            [
                GradientEnhancement(theta),  # 3 x 58 x 58
                backbone.get_submodule("conv1"),  # 24 x 29 x 29
                backbone.get_submodule("stage2"),  # 48 x 15 x 15
                backbone.get_submodule("stage3"),  # 96 x 8 x 8
                LastStage(
                    backbone.get_submodule("stage4"), backbone.get_submodule("conv5"), self.width
                ),  # 3 x 1024
            ]
        )

    def forward(self, images: Tensor, recompute: bool = False) -> Tensor:
        """(n, 3, edge, edge) -> (n, 3, d)."""
        for stage in self.stages:
            images = run_stage(stage, images, recompute=recompute)
        return images


def last_map_edge(edge: int) -> int:
    """Pixels along the last maps of a patch: GEM halves and adds a ring, four stages halve, each rounding up."""
    edge = -(-edge // 2) + 2
    for _ in range(4):
        edge = -(-edge // 2)
    return edge
