"""What a fit is told, what it tells, and what it leaves to go on from or to predict with elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


class ParameterCount(NamedTuple):
    """Numbers that a fitted method holds: those it learned, and those plus the frozen ones."""

    trainable: int
    total: int


# Takes a checkpoint and what is predicted there for the queries, an array for each in their order; answers nothing.
HandOver = Callable[[int, Sequence[np.ndarray]], None]


class TrainingState(NamedTuple):
    """Where a training stands after an epoch: all that another process needs to go on with it bit for bit.

    arrays  what fits an .npz file, by name
    plain   the rest, JSON values only
    """

    arrays: Mapping[str, np.ndarray]
    plain: Mapping[str, Any]


class FittedState(NamedTuple):
    """What a fitted method keeps: all that another process needs to predict as it does, bit for bit.

    arrays            what was learned, by name
    plain             the rest, JSON values only
    holds_expression  whether measured profiles of training spots are among the arrays: whoever gives the state away
                      gives these away, under the data set's terms
    """

    arrays: Mapping[str, np.ndarray]
    plain: Mapping[str, Any]
    holds_expression: bool = False


@dataclass(frozen=True)
class FitContext:
    """What a fit is told besides its data, and where its predictions for the queries go meanwhile.

    seed       every random draw of the fit derives from it
    device     where a network trains: "cpu", "cuda" or "mps"
    progress   called after each epoch with (epochs done, epochs in all)
    hand_over  called at each checkpoint; a method never hears how good its predictions were
    until      stop after this epoch (1, 2, ...) of all the method's epochs, by whose number schedules still go
    resume     go on from the state that an earlier stage of the same fit kept, at its next epoch
    keep       called once, when the stage ends, with the state to go on from; a fit that does not call it has none
    """

    seed: int = 0
    device: str = "cpu"
    progress: Callable[[int, int], None] | None = None
    hand_over: HandOver | None = None
    until: int | None = None
    resume: TrainingState | None = None
    keep: Callable[[TrainingState], None] | None = None


@dataclass(frozen=True)
class FitReport:
    """What a fit tells the runner.

    losses      mean training loss of each epoch, none for a method without epochs
    epochs      epochs trained, 0 for a method without epochs
    steps       optimiser steps taken, 0 for a method without an optimiser
    pretrained  what the method's own network started from ("" = nothing pretrained)
    notes       sentences for the result's row
    """

    losses: tuple[float, ...] = ()
    epochs: int = 0
    pretrained: str = ""
    notes: tuple[str, ...] = ()
    steps: int = 0
