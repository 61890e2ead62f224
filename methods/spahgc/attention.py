"""Attention along the links between target spots and the reference spots that they retrieved.

n target spots, R reference spots, K references of each target (the same number for all), h hidden width,
H heads of h / H numbers each. Every node's query, key and value are projected once, then gathered along `cross`
(n, K), which holds the references of each target. The gathering is an embedding look-up: the same as indexing,
with a much cheaper backward pass.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.utils import softmax

SLOPE = 0.2


class DualForm(NamedTuple):
    """How CNDA attends, and what follows: the printed equations and the released code differ in all four."""

    heads: int
    leaky_logits: bool
    output_map: bool
    dropout: float


class PoolingForm(NamedTuple):
    """How CNAP attends: whether a map of the target comes first, and an output projection last."""

    heads: int
    leaky_logits: bool
    target_map: bool
    output_projection: bool


def projection(inputs: int, outputs: int) -> nn.Linear:
    """Linear layer of CNDA: truncated normal weights, zero biases."""
    linear = nn.Linear(inputs, outputs)
    nn.init.trunc_normal_(linear.weight, std=0.02)
    nn.init.zeros_(linear.bias)
    return linear


def gathered(projected: Tensor, parts: int, cross: Tensor) -> list[Tensor]:
    """`parts` tensors (n, K, h): what each target's references have in each part of `projected` (R, parts h)."""
    return [F.embedding(cross, part) for part in projected.chunk(parts, dim=1)]


def by_head(vectors: Tensor, heads: int) -> Tensor:
    """(n, K or 1, h) -> (n, K or 1, H, h / H)."""
    return vectors.unflatten(2, (heads, -1))


def logits(queries: Tensor, keys: Tensor, heads: int, leaky: bool) -> Tensor:
    """(n, K, H) scaled dot products of queries and keys, each (n, K or 1, h); `leaky`: through a LeakyReLU."""
    products = (by_head(queries, heads) * by_head(keys, heads)).sum(3)
    products = products * (queries.shape[2] // heads) ** -0.5
    return F.leaky_relu(products, SLOPE) if leaky else products


def weighted(weights: Tensor, values: Tensor) -> Tensor:
    """(n, K, h) values (n, K or 1, h), each head's part times its weight (n, K, H)."""
    return (weights.unsqueeze(3) * by_head(values, weights.shape[2])).flatten(2)


class CrossNodeDualAttention(nn.Module):
    """CNDA: targets and references attend to each other, references with their expression at hand."""

    def __init__(self, hidden: int, form: DualForm):
        super().__init__()
        self.heads, self.leaky, self.dropout = form.heads, form.leaky_logits, form.dropout
        self.norm = nn.LayerNorm(hidden)
        self.from_target = projection(hidden, 3 * hidden)  # query, key, value
        self.from_reference = projection(2 * hidden, 3 * hidden)  # query, key, value
        self.to_target = projection(hidden, hidden) if form.output_map else nn.Identity()
        self.to_reference = projection(hidden, hidden) if form.output_map else nn.Identity()

    def forward(
        self, target: Tensor, reference: Tensor, expression: Tensor, cross: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Messages to targets (n, h) and to references (R, h); `expression` is the expression stream (R, h)."""
        described = torch.cat([reference, self.norm(expression)], dim=1)  # (R, 2h)
        reference_query, reference_key, reference_value = gathered(self.from_reference(described), 3, cross)
        query, key, value = self.from_target(target).unsqueeze(1).chunk(3, dim=2)  # 3 x (n, 1, h)

        weights = logits(query, reference_key, self.heads, self.leaky).softmax(
            1
        )  # over a target's references
        to_target = weighted(self._dropped(weights), reference_value).sum(1)

        scores = logits(reference_query, key, self.heads, self.leaky).flatten(0, 1)  # (n K, H)
        ends = cross.flatten()  # (n K)
        weights = softmax(scores, ends, num_nodes=len(reference))  # over the targets of a reference
        messages = weighted(self._dropped(weights).unflatten(0, cross.shape), value).flatten(0, 1)  # (n K, h)
        to_reference = torch.zeros_like(reference).index_add(0, ends, messages)
        return self.to_target(to_target), self.to_reference(to_reference)

    def _dropped(self, weights: Tensor) -> Tensor:
        return F.dropout(weights, self.dropout, self.training)


class CrossNodeAttentionPooling(nn.Module):
    """CNAP: a target's embedding plus what its references add; without `pools` nothing is added.

    Its maps keep the library's start, unlike those of CNDA.
    """

    def __init__(self, hidden: int, form: PoolingForm, pools: bool = True):
        super().__init__()
        self.heads, self.leaky = form.heads, form.leaky_logits
        self.target = nn.Linear(hidden, hidden) if form.target_map else nn.Identity()
        self.query = nn.Linear(hidden, hidden) if pools else None
        self.reference = nn.Linear(hidden, 2 * hidden) if pools else None  # key, value
        self.output = nn.Linear(hidden, hidden) if pools and form.output_projection else nn.Identity()

    def forward(self, target: Tensor, reference: Tensor, cross: Tensor) -> Tensor:
        """(n, h)."""
        target = self.target(target)
        if self.query is None or self.reference is None:
            return target
        key, value = gathered(self.reference(reference), 2, cross)
        weights = logits(self.query(target).unsqueeze(1), key, self.heads, self.leaky).softmax(1)
        return target + self.output(weighted(weights, value).sum(1))
