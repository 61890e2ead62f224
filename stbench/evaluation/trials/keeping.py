"""A fit whose method is kept, and a kept method's predictions, as tasks of a sealed child."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from stbench.contract import FittedState, Method
from stbench.errors import MethodError
from stbench.evaluation.method_warnings import hearing
from stbench.evaluation.trials import handouts
from stbench.evaluation.trials.child import Loading, Task, Voice
from stbench.evaluation.trials.conduct import fitted_method
from stbench.evaluation.trials.repeating import done_repeatably, on_device
from stbench.evaluation.trials.trial import MOST_NOTES, Trial
from stbench.metrics.prediction import check_prediction
from stbench.slide import QuerySlide

_LONGEST_WORDS = 1000


def fit_and_keep(work: Mapping[str, Any], arrays: Sequence[np.ndarray]) -> Task:
    """Fit as a trial says, and send what the method keeps: {"facts", "names", "plain", "holds_expression"}, arrays."""
    trial = Trial.unpacked(work, arrays)
    train = [handout.open() for handout in trial.train]

    def task(load: Loading, voice: Voice) -> tuple[Any, Sequence[np.ndarray]]:
        method, facts = fitted_method(trial, cast(Any, train), load(), voice)
        state = method.state()
        if not isinstance(state, FittedState):
            raise MethodError(f"state must return a FittedState; found {type(state).__name__}.")
        kept = {str(name): np.array(array, order="C") for name, array in state.arrays.items()}
        plain = {"plain": dict(state.plain), "holds_expression": bool(state.holds_expression)}
        return {"facts": facts.model_dump(mode="json"), "names": list(kept), **plain}, list(kept.values())

    return task


def predict_kept(work: Mapping[str, Any], arrays: Sequence[np.ndarray]) -> Task:
    """Restore a kept method and predict each query, sending each prediction as a frame "predicted" of its number."""
    n_of_slides = work["state"]["from"]
    queries = [handout.open() for handout in handouts.unpacked(work["slides"], arrays)]
    kept = dict(zip(work["state"]["names"], arrays[n_of_slides:], strict=True))
    state = FittedState(kept, work["state"]["plain"], work["state"]["holds_expression"])

    def task(load: Loading, voice: Voice) -> tuple[Any, Sequence[np.ndarray]]:
        method = load().from_state(work["settings"], state, work["device"])
        warned: list[str] = []
        with on_device(work["device"]):
            for number, query in enumerate(queries):
                found, heard = hearing(
                    lambda query=query: _predicted(method, cast(Any, query), work["device"])
                )
                voice.say("predicted", number, [check_prediction(found, query.n_spots, work["n_genes"])])
                warned += [words[:_LONGEST_WORDS] for words in heard if words[:_LONGEST_WORDS] not in warned]
        return {"warned": warned[:MOST_NOTES]}, []

    return task


def _predicted(method: Method, query: QuerySlide, device: str) -> np.ndarray:
    return done_repeatably(lambda: method.predict(query), device)[0]
