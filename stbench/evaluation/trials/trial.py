"""What a trial is told, and what it leaves: one fit of one method with one setting, and its predictions for others."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, StrictStr, ValidationError

from stbench.contract import TrainingState
from stbench.evaluation.trials import handouts
from stbench.evaluation.trials.frames import BadFrame, Frame
from stbench.evaluation.trials.handouts import Handout
from stbench.evaluation.trials.plugins import PluginPlace

SEALED, NOT_SEALED = "sealed", "not sealed"
MOST_NOTES = 50


@dataclass(frozen=True, eq=False)
class Trial:
    """One fit and what it predicts.

    settings  of the method, over its defaults; `epochs` is a bound on its own number of epochs
    train     slides that it is fitted on
    light     whether the method trains no network
    queries   slides that it predicts: while it trains, at checkpoints; or once it is fitted
    sweep     changes of settings that matter at prediction only: at each checkpoint the queries are predicted with
              the settings as they are, and then with each of these changes
    stage     which stage of its training this is, None for all of it at once
    state     where an earlier stage of the same training ended, None where it begins anew
    """

    plugin: PluginPlace
    settings: Mapping[str, Any]
    epochs: int | None
    seed: int
    device: str
    threads: int
    train: tuple[Handout, ...]
    queries: tuple[Handout, ...] = ()
    predicted: Literal["while it trains", "once it is fitted"] = "once it is fitted"
    light: bool = False
    sweep: tuple[Mapping[str, Any], ...] = ()
    stage: int | None = None
    state: TrainingState | None = None

    def packed(self) -> tuple[dict[str, Any], list[np.ndarray]]:
        """The trial as plain values and arrays."""
        slides, arrays = handouts.packed([*self.train, *self.queries])
        n_of_slides = len(arrays)
        state = None
        if self.state is not None:
            state = {"names": list(self.state.arrays), "plain": dict(self.state.plain), "from": n_of_slides}
            arrays = [*arrays, *self.state.arrays.values()]
        plain = {
            "plugin": self.plugin.packed(),
            "settings": dict(self.settings),
            "epochs": self.epochs,
            "seed": self.seed,
            "device": self.device,
            "threads": self.threads,
            "slides": slides,
            "n_train": len(self.train),
            "predicted": self.predicted,
            "light": self.light,
            "sweep": [dict(changes) for changes in self.sweep],
            "stage": self.stage,
            "state": state,
        }
        return plain, arrays

    @classmethod
    def unpacked(cls, plain: Mapping[str, Any], arrays: Sequence[np.ndarray]) -> Trial:
        """What `packed` was given."""
        values = dict(plain)
        slides, n_train = handouts.unpacked(values.pop("slides"), arrays), values.pop("n_train")
        values["plugin"] = PluginPlace.unpacked(values["plugin"])
        values["sweep"] = tuple(values["sweep"])
        state = values.pop("state")
        if state is not None:
            of_state = dict(zip(state["names"], arrays[state["from"] :], strict=True))
            values["state"] = TrainingState(of_state, state["plain"])
        return cls(**values, train=tuple(slides[:n_train]), queries=tuple(slides[n_train:]))


class _Plain(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


_Number = Annotated[float, Field(allow_inf_nan=False)]
_Sentence = Annotated[StrictStr, Field(max_length=2000)]


class TrialCost(_Plain):
    """Seconds, and memory in MB; None where there is none."""

    seconds: _Number = 0.0
    peak_memory_mb: _Number = 0.0
    peak_gpu_memory_mb: _Number | None = None


class TrialFacts(_Plain):
    """The plain part of what a trial leaves, checked where it is sent and where it is received."""

    settings: dict[StrictStr, Any]
    losses: tuple[_Number, ...] = ()
    epochs: NonNegativeInt = 0
    steps: NonNegativeInt = 0
    pretrained: _Sentence = ""
    notes: Annotated[tuple[_Sentence, ...], Field(max_length=MOST_NOTES)] = ()
    warned: Annotated[tuple[_Sentence, ...], Field(max_length=MOST_NOTES)] = ()
    parameters_trainable: NonNegativeInt = 0
    parameters_total: NonNegativeInt = 0
    fit: TrialCost = TrialCost()
    predict: TrialCost | None = None
    flops_forward: _Number | None = None


@dataclass(frozen=True, eq=False)
class TrialResult:
    """What a trial leaves.

    predictions  for each query, (n_spots, n_genes) on the training scale; empty where it predicted while it trained
    sealed       how far the process was shut in, in words
    """

    facts: TrialFacts
    predictions: list[np.ndarray] = field(default_factory=list)
    sealed: str = NOT_SEALED

    def packed(self) -> tuple[dict[str, Any], list[np.ndarray]]:
        """The result as plain values and arrays."""
        return self.facts.model_dump(mode="json"), self.predictions

    @classmethod
    def unpacked(cls, frame: Frame, sealed: str) -> TrialResult:
        """What `packed` was given, believed in nothing: BadFrame where it is no result."""
        try:
            facts = TrialFacts.model_validate_json(json.dumps(frame.value, allow_nan=False))
        except (ValidationError, ValueError, TypeError) as error:
            raise BadFrame("It sent something that is no result.") from error
        return cls(facts, list(frame.arrays), sealed)


def least_sealed(found: Iterable[str]) -> str:
    """The words of the trial that could reach most of the machine; "not sealed" of none."""
    return max(
        found, key=lambda words: 2 if words == NOT_SEALED else int(words != SEALED), default=NOT_SEALED
    )


def cost_facts(cost: Any) -> TrialCost:
    """A measured cost as it is sent."""
    return TrialCost(**asdict(cost))
