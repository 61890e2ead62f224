"""Which spots train together: a batch is also the sequence whose spots attend to each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

import torch
from torch import Tensor

from stbench.nn.training import shuffled_batches

SEQUENCES = ("mixed", "one_slide")


def training_sequences(
    spots_per_slide: Sequence[int], length: int, sequence: str, generator: torch.Generator
) -> Iterator[Tensor]:
    """Spots of all slides, numbered slide after slide, each once, at most `length` at a time.

    "mixed" draws from all slides at once, "one_slide" gives sequences of a single slide in random order. A sequence
    of one spot is left out: it has no other to be told from, and its loss is 0 whatever the network.
    """
    if sequence == "mixed":
        found = list(shuffled_batches(sum(spots_per_slide), length, generator))
    else:
        firsts = accumulate(spots_per_slide, initial=0)
        found = [
            first + spots
            for first, n in zip(firsts, spots_per_slide, strict=False)
            for spots in shuffled_batches(n, length, generator)
        ]
        order = torch.randperm(len(found), generator=generator, device=generator.device)
        found = [found[i] for i in order.tolist()]
    return (spots for spots in found if len(spots) > 1)
