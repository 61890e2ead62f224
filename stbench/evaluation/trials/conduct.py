"""The trial itself: build the method, fit it, hand over or predict; the same code in a sealed child and in a debugger.

What a method gives back is made plain here, where its own code may still run: arrays are numbers in memory of their
own, texts are texts. Whatever is none of that is a MethodError that says so.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, cast

import numpy as np

from stbench.contract import FitContext, FitReport, Method, TrainingState
from stbench.errors import MethodError, UsageError
from stbench.evaluation.checkpoints import N_STAGES, stage_of
from stbench.evaluation.cost import Cost, measured, operations
from stbench.evaluation.method_warnings import hearing
from stbench.evaluation.trials.repeating import done_repeatably, note_on, on_device, says_not_repeatable
from stbench.evaluation.trials.trial import MOST_NOTES, Trial, TrialFacts, TrialResult, cost_facts
from stbench.metrics.prediction import check_prediction
from stbench.slide import QuerySlide, TrainingSlide

_LONGEST_NOTE = 1000


class Answer(Protocol):
    """Where a trial's news go while it lasts."""

    def progress(self, done: int, total: int) -> None: ...

    def hand_over(self, checkpoint: int, predictions: list[np.ndarray]) -> None: ...

    def keep(self, state: TrainingState) -> None: ...


def build(method_class: type[Method], settings: Mapping[str, Any], epochs: int | None) -> Method:
    """A method with those settings; a bound on epochs lowers its own, where it has epochs at all."""
    method_class.check_settings(settings)
    effective = method_class.defaults() | dict(settings)
    if "epochs" in effective and epochs is not None:
        return method_class(**{**settings, "epochs": min(epochs, effective["epochs"])})
    return method_class(**settings)


def conduct(
    trial: Trial,
    train: Sequence[TrainingSlide],
    queries: Sequence[QuerySlide],
    method_class: type[Method],
    answer: Answer,
) -> TrialResult:
    """Fit on opened slides and predict others; whatever the method raises passes."""
    device = "cpu" if trial.light else trial.device  # where its arithmetic is done
    told = _OnceEach(answer)
    with on_device(device):
        method, facts = _method_and_facts(trial, train, queries, method_class, told, device)
        if trial.predicted == "while it trains":
            return TrialResult(facts)
        return _predicted(method, facts, queries, train[0].expression.shape[1], device)


def fitted_method(
    trial: Trial, train: Sequence[TrainingSlide], method_class: type[Method], answer: Answer
) -> tuple[Method, TrialFacts]:
    """The method of a trial that predicts nothing, fitted on opened slides, and what it says of its fit."""
    device = "cpu" if trial.light else trial.device
    with on_device(device):
        return _method_and_facts(trial, train, (), method_class, _OnceEach(answer), device)


def _method_and_facts(
    trial: Trial,
    train: Sequence[TrainingSlide],
    queries: Sequence[QuerySlide],
    method_class: type[Method],
    told: _OnceEach,
    device: str,
) -> tuple[Method, TrialFacts]:
    fitted, lacking = done_repeatably(
        lambda: _fitted(trial, train, queries, method_class, told, device), device
    )
    facts = _facts(fitted.method, fitted.report, note_on(lacking))
    return fitted.method, facts.model_copy(update={"fit": cost_facts(fitted.cost)})


class _Fitted(NamedTuple):
    method: Method
    report: FitReport
    cost: Cost


class _OnceEach:
    """Hands predictions of each checkpoint over once, also where the training has to begin anew."""

    def __init__(self, answer: Answer):
        self.progress, self.keep = answer.progress, answer.keep
        self._answer, self._done = answer, set[int]()

    def hand_over(self, checkpoint: int, predictions: list[np.ndarray]) -> None:
        if checkpoint not in self._done:
            self._answer.hand_over(checkpoint, predictions)
            self._done.add(checkpoint)


def _fitted(
    trial: Trial,
    train: Sequence[TrainingSlide],
    queries: Sequence[QuerySlide],
    method_class: type[Method],
    answer: Answer,
    device: str,
) -> _Fitted:
    """A fresh method, fitted; what it predicts meanwhile is handed over."""
    method = build(method_class, trial.settings, trial.epochs)
    n_genes, while_training = train[0].expression.shape[1], trial.predicted == "while it trains"

    def hand_over(checkpoint: int, predictions: Sequence[np.ndarray]) -> None:
        if while_training:
            found = _checked(predictions, queries, n_genes)
            for changes in trial.sweep:
                variant = method.with_settings(**changes)
                found += _checked([variant.predict(query) for query in queries], queries, n_genes)
            answer.hand_over(operator.index(checkpoint), found)

    stage = stage_of(method.settings().get("epochs", 0), trial.stage)
    staged = trial.stage is not None
    context = FitContext(
        trial.seed,
        trial.device,
        answer.progress,
        hand_over,
        until=stage.ends if staged else None,
        resume=trial.state,
        keep=answer.keep if staged and trial.stage != N_STAGES - 1 else None,
    )
    checkpoints = stage.checkpoints if while_training else ()
    asked = list(queries) if while_training else []
    try:
        report, cost = measured(lambda: method.fit(train, asked, checkpoints, context), device)
    except UsageError as error:  # the method's own trouble, not unusable input
        raise MethodError(str(error)) from error
    return _Fitted(method, report, cost)


def _predicted(
    method: Method, facts: TrialFacts, queries: Sequence[QuerySlide], n_genes: int, device: str
) -> TrialResult:
    """The result with a prediction of each query, what that cost, and what the method warned of meanwhile."""

    def predict() -> list[np.ndarray]:
        return [method.predict(query) for query in queries]

    ((made, cost), heard), lacking = done_repeatably(
        lambda: hearing(lambda: measured(predict, device)), device
    )
    predictions = _checked(made, queries, n_genes)
    flops = hearing(lambda: operations(lambda: method.predict(queries[0])))[0]
    more = {"predict": cost_facts(cost), "warned": _texts(heard, "warnings"), "flops_forward": flops}
    notes = facts.notes if says_not_repeatable(facts.notes) else (*facts.notes, *note_on(lacking))
    return TrialResult(facts.model_copy(update={**more, "notes": notes[:MOST_NOTES]}), predictions)


def _checked(
    predictions: Sequence[np.ndarray], queries: Sequence[QuerySlide], n_genes: int
) -> list[np.ndarray]:
    """The predictions as plain arrays of float64, one a query."""
    if len(predictions) != len(queries):
        raise MethodError(f"{len(predictions)} predictions were handed over for {len(queries)} queries.")
    pairs = zip(predictions, queries, strict=True)
    return [np.array(check_prediction(p, query.n_spots, n_genes), dtype=float) for p, query in pairs]


def _facts(method: Method, report: FitReport, more_notes: Sequence[str]) -> TrialFacts:
    """What a fitted method and its report say, as plain values; the harness's own notes stand before its."""
    if not isinstance(report, FitReport):
        raise MethodError(f"fit must return a FitReport; found {type(report).__name__}.")
    counted = method.parameter_count()
    return TrialFacts(
        settings=_plain_settings(method.settings()),
        losses=tuple(_number(loss, "A training loss") for loss in report.losses),
        epochs=_whole(report.epochs, "Its number of epochs"),
        steps=_whole(report.steps, "Its number of steps"),
        pretrained=_texts([report.pretrained], "words on pretraining")[0],
        notes=_texts([*more_notes, *report.notes], "notes"),
        parameters_trainable=_whole(counted[0], "Its number of trainable parameters"),
        parameters_total=_whole(counted[1], "Its number of parameters"),
    )


def _plain_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    for name, value in settings.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            raise MethodError(
                f"Its setting {name} is no plain value, but a {type(value).__name__}; a setting must be a finite "
                "number, a text, true or false, or a list or mapping of these."
            ) from None
    return json.loads(json.dumps(dict(settings)))


def _whole(value: Any, what: str) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = -1
    if number < 0:
        raise MethodError(f"{what} is {value!r}; it must be a whole number of at least 0.")
    return number


def _number(value: Any, what: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not np.isfinite(number):
        raise MethodError(f"{what} is {value!r}; it must be a finite number.")
    return number


def _texts(found: Any, what: str) -> tuple[str, ...]:
    """Sentences of the method's for its row, each within bounds."""
    listed = list(cast(Sequence[Any], found))
    for text in listed:
        if not isinstance(text, str):
            raise MethodError(f"The {what} of its report must be texts; found a {type(text).__name__}.")
    kept = [text if len(text) <= _LONGEST_NOTE else f"{text[:_LONGEST_NOTE]} ..." for text in listed]
    return tuple(str(text) for text in kept[:MOST_NOTES])
