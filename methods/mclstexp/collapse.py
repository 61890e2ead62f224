"""A watch on the loss, which sits at ln(batch size) once all embeddings have become alike."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

# So near to ln(batch size) during so many epochs at the end: the network tells no spots apart.
_NEAR, _EPOCHS = 0.02, 3


class CollapseWatch:
    """Mean excess of the loss over ln(batch size), epoch by epoch."""

    def __init__(self) -> None:
        self._excesses: list[list[Tensor]] = []

    def begin_epoch(self) -> None:
        self._excesses.append([])

    def saw(self, loss: Tensor, batch: int) -> None:
        """The loss of one batch of so many spots."""
        self._excesses[-1].append(loss.detach() - math.log(batch))

    def state_dict(self) -> dict[str, list[Tensor]]:
        """What was seen, an array for each epoch, so that a later stage of the training can go on from it."""
        return {"excesses": [torch.stack(epoch) for epoch in self._excesses]}

    def load_state_dict(self, state: Mapping[str, list[Tensor]]) -> None:
        """Go on from what `state_dict` gave."""
        self._excesses = [list(epoch) for epoch in state["excesses"]]

    def notes(self) -> Iterator[str]:
        """Sentences for the fit's report: the course of the loss, and a warning where it did not move."""
        if not self._excesses:
            return
        means = [float(sum(map(float, epoch)) / len(epoch)) for epoch in self._excesses]
        yield f"Loss minus ln(batch size): {means[0]:+.3f} in the first epoch, {means[-1]:+.3f} in the last."
        if all(abs(mean) < _NEAR for mean in means[-_EPOCHS:]):
            yield (
                "WARNING: the loss has stayed at ln(batch size), so the embeddings have collapsed and predictions are "
                "means of arbitrary training spots; try temperature 16 or a smaller learning rate."
            )
