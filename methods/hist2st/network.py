"""The network: patches to features, features of all spots of a slide to states, small blocks first.

n spots of one slide in P passes (one while predicting; the plain one and the augmented copies while training),
d numbers for each spot, G genes. Passes share the spots' positions and neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stbench.nn.attention import transformer
from stbench.nn.checkpointing import run_stage
from stbench.nn.depth_fusion import DepthFusion
from stbench.nn.distilled_heads import SpotHeads
from stbench.nn.grid_embedding import GridEmbedding


class Places(NamedTuple):
    """Where a slide's spots lie.

    columns_rows  (n, 2) indices into the position tables
    neighbours    (E,) the neighbours of spot 0, then those of spot 1, and so on; every spot has one or more
    starts        (n,) where each spot's neighbours begin
    """

    columns_rows: Tensor
    neighbours: Tensor
    starts: Tensor


class ConvMixerBlock(nn.Module):
    """Two depthwise convolutions around which x is added, then one that mixes channels."""

    def __init__(self, channels: int, kernel: int):
        super().__init__()
        self.within_channels = nn.Sequential(
            *self._depthwise(channels, kernel), *self._depthwise(channels, kernel)
        )
        self.across_channels = nn.Sequential(
            nn.Conv2d(channels, channels, 1), nn.GELU(), nn.BatchNorm2d(channels)
        )

    @staticmethod
    def _depthwise(channels: int, kernel: int) -> tuple[nn.Module, ...]:
        conv = nn.Conv2d(channels, channels, kernel, groups=channels, padding="same")
        return conv, nn.BatchNorm2d(channels), nn.GELU()

    def forward(self, maps: Tensor) -> Tensor:
        return self.across_channels(maps + self.within_channels(maps))


class PatchEncoder(nn.Sequential):
    """Tiles of a patch become a map of `channels`, mixed in `depth` blocks and narrowed to an eighth.

    A patch of 112 pixels, tiles of 7 and 32 channels give d = 16 x 16 x 4 = 1024.
    """

    def __init__(self, tile: int, channels: int, kernel: int, depth: int, dropout: float):
        super().__init__(
            nn.Conv2d(3, channels, tile, stride=tile),
            nn.Dropout(dropout),
            *(ConvMixerBlock(channels, kernel) for _ in range(depth)),
            nn.Conv2d(channels, channels // 8, 1),
            nn.Flatten(),  # (n, channels / 8, edge / tile, edge / tile) -> (n, d)
        )


class GraphLayer(nn.Module):
    """ReLU of a linear map of the mean over a spot's neighbours, scaled to length 1 (GraphSAGE).

    The spot's own state is not part of it unless `concat_self`, which sets it beside the mean.
    """

    def __init__(self, width: int, concat_self: bool):
        super().__init__()
        self.concat_self = concat_self
        self.linear = nn.Linear(width * (1 + concat_self), width, bias=False)
        nn.init.xavier_uniform_(self.linear.weight)

    def forward(self, states: Tensor, neighbours: Tensor, starts: Tensor) -> Tensor:
        """(P, n, d) -> (P, n, d)."""
        by_spot = states.transpose(0, 1).flatten(1)  # (n, P d): one look-up serves all passes
        mean = F.embedding_bag(neighbours, by_spot, starts, mode="mean")  # (n, P d)
        heard = mean.unflatten(1, (len(states), -1)).transpose(0, 1)  # (P, n, d)
        if self.concat_self:
            heard = torch.cat([states, heard], dim=-1)  # (P, n, 2 d)
        return F.normalize(F.relu(self.linear(heard)), dim=-1)


class SpotNetwork(nn.Module):
    """Position, transformer over all spots, graph layers, and the LSTM that reads their outputs."""

    def __init__(
        self,
        width: int,
        n_positions: int,
        depth: int,
        heads: int,
        head_width: int,
        graph_depth: int,
        concat_self: bool,
        dropout: float,
    ):
        super().__init__()
        self.position = GridEmbedding(n_positions, width)
        self.transformer = transformer(depth, width, heads, head_width, hidden=width, dropout=dropout)
        self.graph = nn.ModuleList(GraphLayer(width, concat_self) for _ in range(graph_depth))
        self.fusion = DepthFusion(width, layers=2)

    def forward(self, features: Tensor, places: Places, recompute: bool = False) -> Tensor:
        """(P, n, d) -> (P, n, d)."""
        column, row = self.position(places.columns_rows)
        states = features + column + row
        for block in self.transformer:
            states = run_stage(block, states, recompute=recompute)
        depths = []
        for layer in self.graph:
            states = run_stage(layer, states, places.neighbours, places.starts, recompute=recompute)
            depths.append(states)
        return run_stage(self.fusion, *depths, recompute=recompute)


class Network(nn.Module):
    """Patches, spots, heads: from the images of a slide's spots to expression."""

    def __init__(self, patches: PatchEncoder, spots: SpotNetwork, heads: SpotHeads):
        super().__init__()
        self.patches, self.spots, self.heads = patches, spots, heads

    def states(self, passes: Sequence[Tensor], places: Places, recompute: bool = False) -> Tensor:
        """P passes of images (n, 3, edge, edge) -> (P, n, d).

        Each pass has batch statistics of its own in the patch encoder; from there on passes form a batch.
        """
        features = [run_stage(self.patches, images, recompute=recompute) for images in passes]
        return self.spots(torch.stack(features), places, recompute)

    def forward(self, images: Tensor, places: Places) -> Tensor:
        """(n, 3, edge, edge) -> (n, G)."""
        return self.heads(self.states([images], places))[0]
