"""The network: a heterogeneous graph of target spots and reference spots, small blocks first.

n target spots, R reference spots, d embedding width, G genes, h hidden width, K references of each target.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn import SAGEConv

from .attention import SLOPE, CrossNodeAttentionPooling, CrossNodeDualAttention, DualForm, PoolingForm
from .masks import Dropout

# torch-geometric writes the source of a layer to a temporary file when the first is built. Built here, that happens
# when the plugin is loaded, and a fit opens no file at all.
SAGEConv(1, 1)


class Edges(NamedTuple):
    """Who hears from whom.

    spatial    TS: sparse (n, n), or pairs (2, E): neighbour -> target spot
    cross      CS: (n, K) the references of each target spot, heard in both directions
    reference  RS: sparse (R, R), or pairs (2, E): similar reference -> reference
    """

    spatial: Tensor
    cross: Tensor
    reference: Tensor


class Features(NamedTuple):
    """What describes the nodes: target (n, d) embeddings, reference (R, d + G) embeddings and expression."""

    target: Tensor
    reference: Tensor


class Nodes(NamedTuple):
    """What the encoder makes of them: target (n, h), reference (R, h), and the references' expression (R, h)."""

    target: Tensor
    reference: Tensor
    expression: Tensor


class Stem(nn.Module):
    """Own linear maps for targets, references and the expression stream, then a block that nodes share."""

    def __init__(self, d: int, genes: int, hidden: int, dropout: float):
        super().__init__()
        self.n_genes = genes
        self.target = nn.Linear(d, hidden, bias=False)
        self.reference = nn.Linear(d + genes, hidden, bias=False)
        self.expression = nn.Linear(genes, hidden, bias=False)
        self.shared = nn.Sequential(
            nn.LeakyReLU(SLOPE),
            Dropout(dropout),
            nn.Linear(hidden, hidden, bias=False),
            nn.LayerNorm(hidden),
            nn.LeakyReLU(SLOPE),
        )

    def forward(self, features: Features) -> Nodes:
        both = torch.cat([self.target(features.target), self.reference(features.reference)])  # (n + R, h)
        target, reference = self.shared(both).split([len(features.target), len(features.reference)])
        return Nodes(target, reference, self.expression(features.reference[:, -self.n_genes :]))


class Layer(nn.Module):
    """One round of messages along the edge types that are switched on; no residual, no norm.

    `cnda` is None where targets and references do not attend to each other. No message reaches the expression
    stream, which passes the activation with the nodes.
    """

    def __init__(self, hidden: int, edges: frozenset[str], cnda: DualForm | None):
        super().__init__()
        self.spatial = SAGEConv(hidden, hidden) if "TS" in edges else None
        self.reference = SAGEConv(hidden, hidden) if "RS" in edges else None
        self.cross = CrossNodeDualAttention(hidden, cnda) if cnda and "CS" in edges else None

    def forward(self, nodes: Nodes, edges: Edges) -> Nodes:
        to_target, to_reference = [], []
        if self.spatial is not None:
            to_target.append(self.spatial(nodes.target, edges.spatial))
        if self.reference is not None:
            to_reference.append(self.reference(nodes.reference, edges.reference))
        if self.cross is not None:
            messages = self.cross(*nodes, edges.cross)
            to_target.append(messages[0])
            to_reference.append(messages[1])
        return Nodes(
            updated(nodes.target, to_target),
            updated(nodes.reference, to_reference),
            F.leaky_relu(nodes.expression, SLOPE),
        )


def updated(node: Tensor, messages: list[Tensor]) -> Tensor:
    """LeakyReLU of the mean of the messages; a node type that gets none stays as it is."""
    if not messages:
        return node
    return F.leaky_relu(sum(messages[1:], messages[0]) / len(messages), SLOPE)


class Encoder(nn.Module):
    """Stem and layers: what both views of a graph go through."""

    def __init__(
        self,
        d: int,
        genes: int,
        hidden: int,
        layers: int,
        edges: frozenset[str],
        cnda: DualForm | None,
        dropout: float = 0.2,
    ):
        super().__init__()
        self.stem = Stem(d, genes, hidden, dropout)
        self.layers = nn.ModuleList(Layer(hidden, edges, cnda) for _ in range(layers))

    def forward(self, features: Features, edges: Edges) -> Nodes:
        nodes = self.stem(features)
        for layer in self.layers:
            nodes = layer(nodes, edges)
        return nodes


class Head(nn.Module):
    """Pooling and the map to genes: linear, or with one hidden layer."""

    def __init__(self, genes: int, hidden: int, cnap: PoolingForm, pools: bool, mlp_head: bool):
        super().__init__()
        self.pooling = CrossNodeAttentionPooling(hidden, cnap, pools)
        first = [nn.Linear(hidden, hidden), nn.LeakyReLU(SLOPE)] if mlp_head else []
        self.genes = nn.Sequential(*first, nn.Linear(hidden, genes))

    def forward(self, nodes: Nodes, cross: Tensor) -> Tensor:
        """(n, G) predicted expression."""
        return self.genes(self.pooling(nodes.target, nodes.reference, cross))


class Network(nn.Module):
    """Encoder and head: from the features of a graph's nodes to expression."""

    def __init__(self, encoder: Encoder, head: Head):
        super().__init__()
        self.encoder, self.head = encoder, head

    def forward(self, features: Features, edges: Edges) -> Tensor:
        return self.head(self.encoder(features, edges), edges.cross)
