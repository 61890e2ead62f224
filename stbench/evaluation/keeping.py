"""The parent's side of keeping a method: its fit on all slides, and what it predicts, each in a sealed child."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt

from stbench.contract import FittedState
from stbench.evaluation.contestant import Contestant
from stbench.evaluation.fit_inputs import FitInputs
from stbench.evaluation.trials import handouts
from stbench.evaluation.trials.frames import BadFrame, Frame
from stbench.evaluation.trials.handouts import Handout
from stbench.evaluation.trials.launcher import Errand, frames_of_child, run_in_child
from stbench.evaluation.trials.plugins import PluginPlace
from stbench.evaluation.trials.trial import Trial, TrialFacts, TrialResult

_FIT = "stbench.evaluation.trials.keeping:fit_and_keep"
_PREDICT = "stbench.evaluation.trials.keeping:predict_kept"
_NUMBER = 8  # bytes
_LARGEST_STATE = 1 << 33  # bytes of a network's weights and its training spots
_MOST_WORDS, _LONGEST_WORDS = 50, 1000
_Quantity = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class KeptFit(NamedTuple):
    """What a fit left: what it says of itself, and what the method keeps."""

    facts: TrialFacts
    state: FittedState


def fit_and_keep(
    contestant: Contestant,
    inputs: FitInputs,
    settings: Mapping[str, Any],
    epochs: int | None,
    seed: int,
    device: str,
    threads: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
    on_output: Callable[[str], None] = lambda words: None,
) -> KeptFit:
    """Fit a contestant with these settings on the slides of `inputs`; MethodError where that fails.

    progress  hears of (epochs done, epochs in all)
    """
    trial = Trial(
        plugin=contestant.place,
        settings=settings,
        epochs=epochs,
        seed=seed,
        device=device,
        threads=threads,
        train=tuple(inputs.train),
        light=contestant.is_floor,
    )

    def hear(frame: Frame) -> None:
        if frame.kind == "progress" and _are_whole(frame.value):
            progress(*frame.value)
        elif frame.kind != "sealed":
            raise BadFrame("It sent something that is no result.")

    work, arrays = trial.packed()
    errand = Errand(_FIT, contestant.place, work, arrays, threads, contestant.is_floor, _LARGEST_STATE)
    return _kept(run_in_child(errand, hear, on_output))


def _are_whole(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(type(number) is int for number in value)


def _kept(frame: Frame) -> KeptFit:
    """What a child kept, believed in nothing: numbers and plain values under names."""
    told = frame.value if isinstance(frame.value, dict) else {}
    names, plain = told.get("names"), told.get("plain")
    if not (isinstance(names, list) and isinstance(plain, dict) and len(names) == len(frame.arrays)):
        raise BadFrame("It sent something that is no fitted method.")
    facts = TrialResult.unpacked(frame._replace(value=told.get("facts"), arrays=()), "").facts
    arrays = dict(zip(map(str, names), frame.arrays, strict=True))
    return KeptFit(facts, FittedState(arrays, plain, bool(told.get("holds_expression"))))


class PredictionCost(BaseModel):
    """What predicting took a kept method, as its child says: seconds, memory in MB, and numbers that it holds."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    seconds: _Quantity
    peak_memory_mb: _Quantity
    peak_gpu_memory_mb: _Quantity | None = None
    parameters_trainable: NonNegativeInt = 0
    parameters_total: NonNegativeInt = 0


class Restored(NamedTuple):
    """A kept method, to be restored in a child: its plugin, settings, what it keeps, and how many genes it predicts."""

    place: PluginPlace
    settings: Mapping[str, Any]
    state: FittedState
    n_genes: int
    light: bool = False


def predictions_of(
    restored: Restored,
    queries: Sequence[Handout],
    device: str,
    threads: int,
    warn: Callable[[str], None] = lambda words: None,
    on_output: Callable[[str], None] = lambda words: None,
    on_sealed: Callable[[str], None] = lambda words: None,
    time_limit: float | None = None,
    on_cost: Callable[[PredictionCost], None] = lambda cost: None,
) -> Iterator[np.ndarray]:
    """(n_spots, n_genes) of each query in turn, on the method's scale; MethodError where the method fails.

    warn       hears what the method warned of;  on_sealed  how far the child was shut in
    on_cost    hears what all predictions took, once the last is made
    """
    slides, arrays = handouts.packed(queries)
    state = restored.state
    kept = {"names": list(state.arrays), "plain": dict(state.plain), "from": len(arrays)}
    work = {
        "slides": slides,
        "state": {**kept, "holds_expression": state.holds_expression},
        "settings": dict(restored.settings),
        "n_genes": restored.n_genes,
        "device": device,
    }
    most = _NUMBER * restored.n_genes * max((query.n_spots for query in queries), default=0)
    errand = Errand(
        _PREDICT,
        restored.place,
        work,
        [*arrays, *state.arrays.values()],
        threads,
        restored.light,
        most,
        time_limit,
    )
    number, sealed = 0, False
    for frame in frames_of_child(errand, on_output):
        if frame.kind == "predicted":
            yield _prediction(frame, number, queries, restored.n_genes)
            number += 1
        elif frame.kind == "done":
            _pass_on(frame.value, warn)
            on_cost(_cost(frame.value))
        elif (
            frame.kind == "sealed" and not sealed
        ):  # said before the plugin is loaded; later it is the plugin's word
            sealed = True
            on_sealed(str(frame.value))
        else:
            raise BadFrame("It sent something that is no prediction.")
    if number < len(queries):
        raise BadFrame(f"It predicted {number} of {len(queries)} slides.")


def _prediction(frame: Frame, number: int, queries: Sequence[Handout], n_genes: int) -> np.ndarray:
    shapes = [(query.n_spots, n_genes) for query in queries[number : number + 1]]
    if frame.value != number or [array.shape for array in frame.arrays] != shapes:
        raise BadFrame("It sent predictions of another shape than it was asked for.")
    if not np.isfinite(frame.arrays[0]).all():
        raise BadFrame("It sent predictions that are not finite.")
    return frame.arrays[0]


def _cost(told: Any) -> PredictionCost:
    """What a child says that it took; BadFrame where that is no cost."""
    try:
        trainable, total = told["parameters"]
        return PredictionCost.model_validate(
            {**told["cost"], "parameters_trainable": trainable, "parameters_total": total}
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadFrame("It sent something that is no cost.") from error


def _pass_on(told: Any, warn: Callable[[str], None]) -> None:
    words = told.get("warned") if isinstance(told, dict) else None
    for sentence in words[:_MOST_WORDS] if isinstance(words, list) else ():
        warn(str(sentence)[:_LONGEST_WORDS])
