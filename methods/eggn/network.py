"""The network: a heterogeneous graph of windows and exemplars, small blocks first.

n windows, R exemplars, d embedding width, G genes, h hidden width, K exemplars of each window.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn import SAGEConv

from .bridging import SLOPE, ExemplarPooling, GraphExemplarBridging

# torch-geometric writes the source of a layer to a temporary file when the first is built. Built here, that happens
# when the plugin is loaded, and a fit opens no file at all.
SAGEConv(1, 1)


class Edges(NamedTuple):
    """Who hears from whom.

    near   sparse (n, n), or pairs (2, E): neighbouring window -> window
    refer  (n, K) the exemplars of each window, heard in both directions
    close  sparse (R, R), or pairs (2, E): similar exemplar -> exemplar
    """

    near: Tensor
    refer: Tensor
    close: Tensor


class Features(NamedTuple):
    """What describes the nodes: embeddings of windows (n, d) and of exemplars (R, d), exemplars' expression (R, G)."""

    window: Tensor
    exemplar: Tensor
    expression: Tensor


class Nodes(NamedTuple):
    """Hidden states: window (n, h), exemplar (R, h), and the exemplars' expression stream (R, h)."""

    window: Tensor
    exemplar: Tensor
    expression: Tensor


class Stem(nn.Module):
    """Own linear maps for windows, exemplars and the expression stream, then a block that nodes share; no biases."""

    def __init__(self, d: int, genes: int, hidden: int):
        super().__init__()
        self.window = nn.Linear(d, hidden, bias=False)
        self.exemplar = nn.Linear(d + genes, hidden, bias=False)
        self.expression = nn.Linear(genes, hidden, bias=False)
        self.shared = nn.Sequential(
            nn.LeakyReLU(SLOPE), nn.Linear(hidden, hidden, bias=False), nn.LeakyReLU(SLOPE)
        )

    def forward(self, features: Features) -> Nodes:
        described = torch.cat([features.exemplar, features.expression], dim=1)  # (R, d + G)
        return Nodes(
            self.shared(self.window(features.window)),
            self.shared(self.exemplar(described)),
            self.expression(features.expression),
        )


class Layer(nn.Module):
    """One round of messages within windows, within exemplars and between them; no residual, norm or dropout."""

    def __init__(self, hidden: int):
        super().__init__()
        self.near = SAGEConv(hidden, hidden)
        self.close = SAGEConv(hidden, hidden)
        self.bridging = GraphExemplarBridging(hidden)

    def forward(self, nodes: Nodes, edges: Edges) -> Nodes:
        to_window, to_exemplar = self.bridging(*nodes, edges.refer)
        return Nodes(
            F.leaky_relu((self.near(nodes.window, edges.near) + to_window) / 2, SLOPE),
            F.leaky_relu((self.close(nodes.exemplar, edges.close) + to_exemplar) / 2, SLOPE),
            F.leaky_relu(nodes.expression, SLOPE),
        )


class Network(nn.Module):
    """Stem, layers (weights not shared), pooling and a linear head."""

    def __init__(self, d: int, genes: int, hidden: int, layers: int):
        super().__init__()
        self.stem = Stem(d, genes, hidden)
        self.layers = nn.ModuleList(Layer(hidden) for _ in range(layers))
        self.pooling = ExemplarPooling(hidden)
        self.head = nn.Linear(hidden, genes)

    def forward(self, features: Features, edges: Edges) -> Tensor:
        """(n, G) predicted expression."""
        nodes = self.stem(features)
        for layer in self.layers:
            nodes = layer(nodes, edges)
        return self.head(self.pooling(nodes.window, nodes.exemplar, edges.refer))
