"""What passes between windows and their exemplars: bridging in every layer, pooling before the head.

n windows, R exemplars, K exemplars of each window (the same number for all), h hidden width. `refer` (n, K) holds
the exemplars of each window; exemplars are gathered along it by an embedding look-up, the same as indexing with a
much cheaper backward pass.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.2
# Hidden units for each gate; a gate scales 12 = 3 x 4 consecutive entries of the three vectors that a message joins.
UNITS_PER_GATE = 4
TEMPERATURE = 0.1


def projection(inputs: int, outputs: int, bias: bool = True, zero_bias: bool = True) -> nn.Linear:
    """Linear layer of a bridging block: truncated normal weights, zero biases (or those of the library's start)."""
    linear = nn.Linear(inputs, outputs, bias=bias)
    nn.init.trunc_normal_(linear.weight, std=0.02)
    if bias and zero_bias:
        nn.init.zeros_(linear.bias)
    return linear


def gated(vectors: list[Tensor], gates: Tensor) -> Tensor:
    """(..., 3h) the three vectors (..., h) side by side, each gate (..., h / 4) times its 12 entries."""
    joined = torch.cat(vectors, dim=-1).unflatten(-1, (gates.shape[-1], -1))  # (..., h / 4, 12)
    return (joined * gates.unsqueeze(-1)).flatten(-2)


def mean_of_thirds(message: Tensor) -> Tensor:
    """(..., 3h) -> (..., h)."""
    return message.unflatten(-1, (3, -1)).mean(-2)


class GraphExemplarBridging(nn.Module):
    """GEB: gated messages between windows and exemplars in both directions, with the exemplars' expression."""

    def __init__(self, hidden: int):
        super().__init__()
        gates = hidden // UNITS_PER_GATE
        self.window = projection(hidden, hidden, bias=False)
        self.exemplar = projection(hidden, hidden, bias=False)
        self.expression = projection(hidden, hidden, bias=False)
        self.score = projection(hidden, gates, bias=False)
        self.gates = projection(gates, 2 * gates, zero_bias=False)
        self.window_bias = nn.Parameter(torch.zeros(hidden))
        self.exemplar_bias = nn.Parameter(torch.zeros(hidden))
        self.to_window = projection(hidden, hidden)
        self.to_exemplar = projection(hidden, hidden)

    def forward(
        self, window: Tensor, exemplar: Tensor, expression: Tensor, refer: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Messages to windows (n, h) and to exemplars (R, h); `expression` is the expression stream (R, h)."""
        target = F.leaky_relu(self.window(window), SLOPE)  # (n, h)
        source = F.leaky_relu(self.exemplar(exemplar), SLOPE)  # (R, h)
        gates = self._gates(target, source, refer)  # 2 x (n, K, h / 4)
        described = torch.cat([source, self.expression(expression)], dim=1)  # (R, 2h)
        sources, values = F.embedding(refer, described).chunk(2, dim=2)  # 2 x (n, K, h)
        targets = target.unsqueeze(1).expand_as(sources)

        to_window = mean_of_thirds(gated([sources, values, targets], gates[0]).mean(1))
        messages = mean_of_thirds(gated([targets, sources, values], gates[1])).flatten(0, 1)  # (n K, h)
        to_exemplar = _mean_by_end(messages, refer.flatten(), len(exemplar))
        return (
            self.to_window(to_window + self.window_bias),
            self.to_exemplar(to_exemplar + self.exemplar_bias),
        )

    def _gates(self, target: Tensor, source: Tensor, refer: Tensor) -> tuple[Tensor, Tensor]:
        """Gates of each link for the message to the window and to the exemplar."""
        difference = F.embedding(refer, self.score(source)) - self.score(target).unsqueeze(1)
        to_window, to_exemplar = self.gates(F.leaky_relu(difference, SLOPE)).sigmoid().chunk(2, dim=2)
        return to_window, to_exemplar


def _mean_by_end(messages: Tensor, ends: Tensor, n_ends: int) -> Tensor:
    """(n_ends, h) mean of the messages (E, h) that arrive at each end; 0 where none does."""
    total = messages.new_zeros(n_ends, messages.shape[1]).index_add(0, ends, messages)
    arrived = torch.bincount(ends, minlength=n_ends).clamp_min(1)
    return total / arrived.unsqueeze(1)


class ExemplarPooling(nn.Module):
    """A window's own map plus a learned share of its exemplars, attended to channel by channel.

    The logit of exemplar j in a channel is T (e_j - q_i); the window's q_i is the same for all its exemplars and
    cancels in the softmax, so it is left out.
    """

    def __init__(self, hidden: int, share: float = 0.1):
        super().__init__()
        self.window = nn.Linear(hidden, hidden)
        self.share = nn.Parameter(torch.tensor(share))

    def forward(self, window: Tensor, exemplar: Tensor, refer: Tensor) -> Tensor:
        """(n, h)."""
        exemplars = F.embedding(refer, exemplar)  # (n, K, h)
        weights = (TEMPERATURE * exemplars).softmax(1)
        return self.window(window) + self.share * (weights * exemplars).sum(1)
