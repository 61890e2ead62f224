"""Graph attention over the nearest spots, by gathering along neighbour lists: no n x n matrix is held.

n spots, K neighbours of each, H heads of `width` numbers.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.utils import softmax

SLOPE, GAIN = 0.01, 1.414
Normalised = Literal["neighbours", "receivers"]


class GraphAttention(nn.Module):
    """Attention of each spot over its neighbours (Velickovic et al., ICLR 2018), then ELU; heads are joined.

    A spot without neighbours hears nothing and gets zeros. `over` says what weights sum to 1 over: the "neighbours"
    of a spot or, as in the released code, the "receivers" that list a neighbour. There a spot that nobody lists is
    heard by all n spots with weight 1 / n.
    """

    def __init__(self, inputs: int, width: int, heads: int, dropout: float, over: Normalised = "neighbours"):
        super().__init__()
        self.over: Normalised = over
        self.values = nn.Linear(inputs, heads * width, bias=False)
        self.ends = nn.Parameter(
            torch.empty(heads, 2 * width, 1)
        )  # of the listening spot, then of the neighbour
        self.dropout = nn.Dropout(dropout)
        for head in (*self.values.weight.unflatten(0, (heads, width)).unbind(), *self.ends.unbind()):
            nn.init.xavier_uniform_(head, gain=GAIN)

    def forward(self, nodes: Tensor, neighbours: Tensor) -> Tensor:
        """nodes (n, inputs), neighbours (n, K) indices -> (n, H width)."""
        values = self.values(self.dropout(nodes)).unflatten(1, (len(self.ends), -1))  # (n, H, width)
        weights = self.dropout(self.weights(values, neighbours))
        heard = F.embedding(neighbours, values.flatten(1)).unflatten(2, values.shape[1:])  # (n, K, H, width)
        mixed = torch.einsum("nkh,nkho->nho", weights, heard)
        if self.over == "receivers":
            mixed = mixed + self._of_the_unlisted(values, neighbours)
        return F.elu(mixed).flatten(1)

    def weights(self, values: Tensor, neighbours: Tensor) -> Tensor:
        """(n, K, H) weight that each spot gives each of its neighbours, values (n, H, width)."""
        own, other = torch.einsum("nho,heo->enh", values, self.ends.unflatten(1, (2, -1)).squeeze(3))
        scores = F.leaky_relu(own.unsqueeze(1) + F.embedding(neighbours, other), SLOPE)
        if self.over == "neighbours":
            return scores.softmax(1)
        return softmax(scores.flatten(0, 1), neighbours.flatten(), num_nodes=len(values)).view_as(scores)

    def _of_the_unlisted(self, values: Tensor, neighbours: Tensor) -> Tensor:
        """(n, H, width) what every spot hears of those that are in nobody's list."""
        n, heads, _ = values.shape
        unlisted = torch.ones(n, dtype=torch.bool, device=values.device)
        unlisted[neighbours.flatten()] = False
        spoken = values[unlisted]  # (u, H, width)
        weights = self.dropout(values.new_full((n, len(spoken), heads), 1 / n))
        return torch.einsum("nuh,uho->nho", weights, spoken)
