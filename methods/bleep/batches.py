"""How spots are dealt out: those held out, and micro-batches within which spots are contrasted, several to a step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from stbench.nn.training import shuffled_batches

HELD_OUT_SHARE = 5  # a fifth


def held_out_apart(n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Indices of the spots to train on and of a random fifth that is held out."""
    order = torch.randperm(n, generator=generator, device=generator.device)
    return order[n // HELD_OUT_SHARE :], order[: n // HELD_OUT_SHARE]


class BatchPlan(NamedTuple):
    """`size` spots in a micro-batch, `per_step` micro-batches to an optimiser step, `steps` of them in an epoch."""

    size: int
    per_step: int
    steps: int

    @classmethod
    def of(cls, n: int, micro_batch: int, accumulate: int) -> BatchPlan:
        """The plan for n spots, 2 or more: as asked for where one step can be filled, else two halves of the spots,
        or as many micro-batches as there are."""
        size, per_step = micro_batch, accumulate
        if n < size * per_step:
            size = max(2, min(size, n // 2))
            per_step = min(accumulate, n // size)
        return cls(size, per_step, n // (size * per_step))

    def micro_batches(self, n: int, generator: torch.Generator) -> Iterator[Tensor]:
        """The micro-batches of one epoch over n shuffled spots; spots that fill no whole step are left out."""
        for step in shuffled_batches(n, self.size * self.per_step, generator, drop_incomplete=True):
            yield from step.split(self.size)
