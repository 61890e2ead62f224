"""After which epochs of an inner fit predictions are judged."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

N_CHECKPOINTS = 16
# Where settings that trail are stopped, as shares of all epochs; the last stage ends with these.
_STAGE_ENDS = (0.25, 0.5, 1.0)
N_STAGES = len(_STAGE_ENDS)
# Part of a table's identity: which epochs could be chosen.
RULE = f"{N_CHECKPOINTS} epochs spaced geometrically"


def checkpoints_of(epochs: int) -> tuple[int, ...]:
    """About 16 epochs from 1 to `epochs`, each further from the last by the same factor; none of no epochs."""
    if epochs < 1:
        return ()
    spaced = np.geomspace(1, epochs, N_CHECKPOINTS)
    return tuple(dict.fromkeys(round(float(epoch)) for epoch in spaced))


class Stage(NamedTuple):
    """A part of a training: from after epoch `begins` up to epoch `ends`, and the checkpoints in it."""

    begins: int
    ends: int
    checkpoints: tuple[int, ...]


def stage_of(epochs: int, number: int | None) -> Stage:
    """Stage 0, 1 or 2 of a training of so many epochs, the end of each a checkpoint; None is the whole in one."""
    if number is None:
        return Stage(0, epochs, checkpoints_of(epochs))
    ends = [math.ceil(share * epochs) for share in _STAGE_ENDS]
    begins = ends[number - 1] if number else 0
    every = sorted({*checkpoints_of(epochs), *ends} - {0})
    return Stage(begins, ends[number], tuple(c for c in every if begins < c <= ends[number]))
