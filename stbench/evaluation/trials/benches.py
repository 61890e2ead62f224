"""Where trials are conducted: each in a sealed child of its own, or in this process for a debugger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import numpy as np

from stbench.contract import Method, TrainingState
from stbench.errors import MethodError
from stbench.evaluation.trials.conduct import conduct
from stbench.evaluation.trials.frames import BadFrame, Frame
from stbench.evaluation.trials.launcher import Errand, run_in_child
from stbench.evaluation.trials.trial import NOT_SEALED, Trial, TrialResult

_FIT = "stbench.evaluation.trials.fitting:fit_and_predict"
_NUMBER = 8  # bytes
_LARGEST_STATE = 1 << 33  # bytes of a network's weights with its optimiser's moments
_LONGEST_PATH, _MOST_PATHS = 300, 100


class Ear:
    """Hears of a trial while it lasts; either method may be left as it is."""

    def progress(self, done: int, total: int) -> None:
        """Epochs done so far, of all."""

    def hand_over(self, checkpoint: int, predictions: list[np.ndarray]) -> None:
        """What is predicted for the queries at a checkpoint, and again for each change of a sweep."""

    def keep(self, state: TrainingState) -> None:
        """Where a stage of a training ended, for the next to go on from."""


class Bench(Protocol):
    """Conducts trials one after the other; MethodError where one fails."""

    def conduct(self, trial: Trial, ear: Ear) -> TrialResult: ...


def _unheard(words: str) -> None:
    """What a child printed, where nobody wants to know; a function with a name, since a bench must pickle."""


@dataclass
class SealedBench:
    """A fresh sealed child a trial.

    time_limit  seconds that a trial may take, None for no limit
    on_output   hears what a child printed
    on_opened   hears which files a method opened or tried to; None where nobody wants to know
    """

    time_limit: float | None = None
    on_output: Callable[[str], None] = field(default=_unheard)
    on_opened: Callable[[list[str]], None] | None = None

    def conduct(self, trial: Trial, ear: Ear) -> TrialResult:
        work, arrays = trial.packed()
        n_genes = trial.train[0].arrays["expression"].shape[1]
        sizes = [(query.n_spots, n_genes) for query in trial.queries]
        handed_over = sizes * (1 + len(trial.sweep))
        most = _NUMBER * sum(n * genes for n, genes in handed_over)
        if trial.stage is not None:
            most = max(most, _LARGEST_STATE)
        sealed: list[str] = []

        def hear(frame: Frame) -> None:
            # Said once, before the plugin is loaded; whatever says so later is the plugin.
            if frame.kind == "sealed" and not sealed:
                sealed.append(str(frame.value))
            elif frame.kind == "progress":
                ear.progress(*_two_numbers(frame.value))
            elif frame.kind == "state" and trial.stage is not None:
                ear.keep(_state(frame))
            elif frame.kind == "opened" and self.on_opened and isinstance(frame.value, list):
                self.on_opened([str(path)[:_LONGEST_PATH] for path in frame.value[:_MOST_PATHS]])
            elif frame.kind == "checkpoint" and type(frame.value) is int:
                _check_sizes(frame, handed_over)
                ear.hand_over(frame.value, list(frame.arrays))
            else:
                raise BadFrame("It sent something that is no result.")

        errand = Errand(
            _FIT,
            trial.plugin,
            work,
            arrays,
            trial.threads,
            trial.light,
            most,
            self.time_limit,
            watched=self.on_opened is not None,
        )
        last = run_in_child(errand, hear, self.on_output)
        if trial.predicted == "once it is fitted":
            _check_sizes(last, sizes)
        return TrialResult.unpacked(last, sealed[0] if sealed else NOT_SEALED)


def _state(frame: Frame) -> TrainingState:
    """The state of a training that a child sent: numbers and plain values under names, which nobody but it reads."""
    told = frame.value if isinstance(frame.value, dict) else {}
    names, plain = told.get("names"), told.get("plain")
    if not (isinstance(names, list) and isinstance(plain, dict) and len(names) == len(frame.arrays)):
        raise BadFrame("It sent something that is no result.")
    return TrainingState(dict(zip(map(str, names), frame.arrays, strict=True)), plain)


def _two_numbers(value: Any) -> tuple[int, int]:
    if not (isinstance(value, list) and len(value) == 2 and all(type(n) is int for n in value)):
        raise BadFrame("It sent something that is no result.")
    return value[0], value[1]


def _check_sizes(frame: Frame, sizes: list[tuple[int, int]]) -> None:
    """BadFrame unless there is a whole prediction of finite numbers for each query."""
    if [array.shape for array in frame.arrays] != sizes:
        raise BadFrame("It sent predictions of another shape than it was asked for.")
    if not all(np.isfinite(array).all() for array in frame.arrays):
        raise BadFrame("It sent predictions that are not finite.")


class InProcessBench:
    """Every trial here, so that it can be stepped through; nothing is sealed.

    method_class  the plugin's class by name
    """

    def __init__(self, method_class: Callable[[str], type[Method]]):
        self.method_class = method_class

    def conduct(self, trial: Trial, ear: Ear) -> TrialResult:
        train, queries = [[handout.open() for handout in slides] for slides in (trial.train, trial.queries)]
        try:
            return conduct(
                trial, cast(Any, train), cast(Any, queries), self.method_class(trial.plugin.name), ear
            )
        except SystemExit as error:
            raise MethodError(f"it called sys.exit({error.code!r})") from error
