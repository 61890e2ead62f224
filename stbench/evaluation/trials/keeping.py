"""A fit whose method is kept, and a kept method's predictions, as tasks of a sealed child."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, cast

import numpy as np

from stbench.contract import FittedState, Method
from stbench.errors import MethodError
from stbench.evaluation.cost import Cost, measured
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
    """Restore a kept method and predict each query, sending each prediction as a frame "predicted" of its number.

    At the end it says {"warned", "parameters": [trainable, total], "cost"}, the cost of its predictions alone.
    """
    n_of_slides = work["state"]["from"]
    queries = [handout.open() for handout in handouts.unpacked(work["slides"], arrays)]
    kept = dict(zip(work["state"]["names"], arrays[n_of_slides:], strict=True))
    state = FittedState(kept, work["state"]["plain"], work["state"]["holds_expression"])

    def task(load: Loading, voice: Voice) -> tuple[Any, Sequence[np.ndarray]]:
        method = load().from_state(work["settings"], state, work["device"])
        warned, costs = list[str](), list[Cost]()
        with on_device(work["device"]):
            for number, query in enumerate(queries):
                (found, cost), heard = hearing(
                    lambda query=query: measured(
                        lambda: _predicted(method, cast(Any, query), work["device"]), work["device"]
                    )
                )
                costs.append(cost)
                voice.say("predicted", number, [check_prediction(found, query.n_spots, work["n_genes"])])
                warned += [words[:_LONGEST_WORDS] for words in heard if words[:_LONGEST_WORDS] not in warned]
        parameters = [operator.index(number) for number in method.parameter_count()]
        return {"warned": warned[:MOST_NOTES], "parameters": parameters, "cost": asdict(_together(costs))}, []

    return task


def _together(costs: Sequence[Cost]) -> Cost:
    """The seconds of all and the most memory of any."""
    on_card = [cost.peak_gpu_memory_mb for cost in costs if cost.peak_gpu_memory_mb is not None]
    memory = max((cost.peak_memory_mb for cost in costs), default=0.0)
    return Cost(sum(cost.seconds for cost in costs), memory, max(on_card, default=None))


def _predicted(method: Method, query: QuerySlide, device: str) -> np.ndarray:
    return done_repeatably(lambda: method.predict(query), device)[0]
