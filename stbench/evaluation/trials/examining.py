"""What every method plugin must obey, one function a claim, each tried in a sealed child.

Whoever examines hands over slides as arrays: two that train, one to predict, the same with the latter's counts
scrambled, and another slide to predict in between.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from stbench.contract import FitContext, FittedState, Method, TrainingState
from stbench.errors import MethodError, PluginError
from stbench.evaluation.trials import handouts
from stbench.evaluation.trials.child import Loading, Task, Voice, told
from stbench.evaluation.trials.conduct import build
from stbench.evaluation.trials.repeating import (
    TOLERANCE,
    allowance,
    done_repeatably,
    note_on,
    on_device,
    only_warned_now,
    relative_difference,
)
from stbench.metrics.prediction import check_prediction
from stbench.models.tensor_file import of_bytes, to_bytes
from stbench.slide import QuerySlide, TrainingSlide

EXAMINED_EPOCHS = 2


@dataclass(frozen=True)
class Inputs:
    """What the examined method is fitted on and predicts."""

    train: list[TrainingSlide]
    query: QuerySlide


@dataclass
class Examination:
    """A method on the bench: its class, what its card says of settings, and what it is fitted on.

    at_prediction  the (setting, value) pairs that the card says are tried on one fit
    staged         whether the card says that training can stop and go on
    device         where it is fitted
    allowed        the largest difference between predictions of the claim at hand that was allowed for, 0 for none
    """

    method_class: type[Method]
    settings_named: list[Mapping[str, Any]]
    at_prediction: Sequence[tuple[str, Any]]
    staged: bool
    genuine: Inputs
    scrambled: Inputs
    other_query: QuerySlide
    device: str = "cpu"
    allowed: float = 0.0

    @property
    def n_genes(self) -> int:
        return self.genuine.train[0].expression.shape[1]

    def inputs(self) -> Inputs:
        """What a fit is handed, made anew; it can be written to, so that a method which does so is found out."""
        return copy.deepcopy(self.genuine)

    def query(self) -> QuerySlide:
        return copy.deepcopy(self.genuine.query)

    def fresh(self, **settings: Any) -> Method:
        return build(self.method_class, settings, EXAMINED_EPOCHS)

    def fitted(self, inputs: Inputs | None = None, **settings: Any) -> Method:
        """A fresh method, fitted with seed 0."""
        method = self.fresh(**settings)
        method.fit((inputs or self.inputs()).train, context=self.context())
        return method

    def context(self, **told: Any) -> FitContext:
        """What a fit with seed 0 is told."""
        return FitContext(device=self.device, **told)

    def equal(self, one: Any, other: Any) -> bool:
        """Whether two predictions are the same bit for bit; nearly, where torch cannot repeat the method on CUDA."""
        if np.array_equal(one, other):
            return True
        difference = relative_difference(np.asarray(one), np.asarray(other))
        if difference > TOLERANCE or not only_warned_now(self.device):
            return False
        self.allowed = max(self.allowed, difference)
        return True

    @cached_property
    def after_fit(self) -> Method:
        """A method fitted with seed 0, for claims that only predict with it."""
        return self.fitted()

    @cached_property
    def prediction(self) -> np.ndarray:
        """The reference prediction: a fresh fit with seed 0."""
        return np.asarray(self.after_fit.predict(self.query())).copy()

    def predicted_by_a_fit_with(self, name: str, value: Any) -> np.ndarray:
        """The prediction of a fresh fit with seed 0 and that setting."""
        if self.fresh().settings()[name] == value:
            return self.prediction
        return np.asarray(self.fitted(**{name: value}).predict(self.query()))


def examine(work: Mapping[str, Any], arrays: Sequence[np.ndarray]) -> Task:
    """Try the claims named, one after the other, and send a verdict on each: a problem in words, or None."""
    slides: list[Any] = [handout.open() for handout in handouts.unpacked(work["slides"], arrays)]
    query, scrambled_query, other_query, *train = slides
    half = len(train) // 2

    def task(load: Loading, voice: Voice) -> tuple[Any, Sequence[np.ndarray]]:
        genuine, scrambled = Inputs(train[:half], query), Inputs(train[half:], scrambled_query)
        examination = Examination(
            load(),
            work["settings_named"],
            work["at_prediction"],
            work["staged"],
            genuine,
            scrambled,
            other_query,
            work["device"],
        )
        with on_device(examination.device):
            for name in work["claims"]:
                voice.say("verdict", {"claim": name, **_verdict(CLAIMS[name], examination)})
        return None, []

    return task


def _verdict(claim: Callable[[Examination], None], examination: Examination) -> dict[str, Any]:
    examination.allowed = 0.0
    try:
        _, lacking = done_repeatably(lambda: claim(examination), examination.device)
    except PluginError as error:
        return {"problem": str(error), "trace": ""}
    except BaseException as error:
        words = told(error, None)
        return {"problem": words["reason"], "trace": words["trace"]}
    note = f"{note_on(lacking)[0]}; {allowance(examination.allowed)}" if examination.allowed else ""
    return {"problem": None, "trace": "", "note": note}


def sentence_of(claim: str) -> str:
    """What a claim says, in words."""
    return (CLAIMS[claim].__doc__ or claim).strip().rstrip(".")


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise PluginError(problem)


def settings_are_stored(examination: Examination) -> None:
    """Hyperparameters have defaults and are stored under their own names as given."""
    method = examination.method_class()
    for name, default in examination.method_class.defaults().items():
        _require(getattr(method, name, None) == default, f"{name} is not stored as given")


def card_names_settings(examination: Examination) -> None:
    """Every key of the card's grids and presets is a hyperparameter."""
    for point in examination.settings_named:
        examination.method_class.check_settings(point)


def clone_equals_fresh(examination: Examination) -> None:
    """A fresh clone equals a fresh object, and a change of the clone leaves the original alone."""
    method = examination.fresh()
    _require(method.clone().settings() == method.settings(), "the clone has other settings")
    if examination.method_class.defaults():
        name, value = next(iter(method.settings().items()))
        method.clone(**{name: value})
        _require(method.settings()[name] == value, f"cloning changed {name}")


def predict_before_fit_raises(examination: Examination) -> None:
    """Predicting before fit raises MethodError."""
    try:
        examination.fresh().predict(examination.query())
    except MethodError:
        return
    raise PluginError("predict before fit did not raise MethodError")


def prediction_is_whole(examination: Examination) -> None:
    """A prediction has one row per spot and one column per gene, all finite."""
    check_prediction(examination.prediction, examination.query().n_spots, examination.n_genes)


def fits_repeat(examination: Examination) -> None:
    """Two fits with one seed predict the same, bit for bit."""
    again = np.asarray(examination.fitted().predict(examination.query()))
    _require(examination.equal(again, examination.prediction), "two fits with seed 0 predict differently")


def inputs_are_left_alone(examination: Examination) -> None:
    """Neither fit nor predict changes the slides it is handed."""
    method, inputs = examination.fresh(), examination.inputs()
    method.fit(inputs.train, context=examination.context())
    method.predict(inputs.query)
    kept_as_they_were = [*examination.genuine.train, examination.genuine.query]
    for slide, kept in zip([*inputs.train, inputs.query], kept_as_they_were, strict=True):
        for name, value in vars(kept).items():
            _require(_equal(getattr(slide, name), value), f"{name} of a slide was changed")


def pickles(examination: Examination) -> None:
    """A method pickles before and after fit, and the fitted copy predicts the same."""
    pickle.loads(pickle.dumps(examination.fresh()))
    restored = pickle.loads(pickle.dumps(examination.after_fit))
    _require(
        examination.equal(restored.predict(examination.query()), examination.prediction),
        "the copy predicts differently",
    )


def kept_as_a_file(examination: Examination) -> None:
    """Saved to a model file's bytes and loaded again, a method predicts the same, bit for bit."""
    method = examination.after_fit
    state = method.state()
    _require(
        isinstance(state, FittedState), f"state gave a {type(state).__name__}, a FittedState was expected"
    )
    _says_what_it_holds(state, examination)
    written = to_bytes(state.arrays, {"plain": dict(state.plain), "settings": method.settings()})
    arrays, document, _ = of_bytes(written, "The model file")
    kept = FittedState(arrays, document["plain"], state.holds_expression)
    loaded = examination.method_class.from_state(document["settings"], kept, examination.device)
    _require(loaded.settings() == method.settings(), "the loaded method has other settings")
    found = np.asarray(loaded.predict(examination.query()))
    _require(examination.equal(found, examination.prediction), "the loaded method predicts differently")


def _says_what_it_holds(state: FittedState, examination: Examination) -> None:
    """PluginError where a training spot's measured profile lies in a state that says it holds none."""
    profiles = [
        profile for slide in examination.genuine.train for profile in slide.expression if np.ptp(profile)
    ]
    for name, array in state.arrays.items():
        if state.holds_expression or array.ndim != 2 or array.shape[1] != examination.n_genes:
            continue
        held = any((array == profile).all(axis=1).any() for profile in profiles)
        _require(
            not held, f"{name} holds profiles of training spots, but its state does not say holds_expression"
        )


def queries_are_predicted_at_checkpoints(examination: Examination) -> None:
    """With queries, fit hands over a whole prediction of each at every checkpoint, without epochs once."""
    method, inputs, query = examination.fresh(), examination.inputs(), examination.query()
    handed: dict[int, Sequence[np.ndarray]] = {}
    epochs = range(1, EXAMINED_EPOCHS + 1)
    method.fit(inputs.train, [query], epochs, examination.context(hand_over=handed.__setitem__))
    wanted = list(epochs) if "epochs" in examination.method_class.defaults() else [0]
    _require(list(handed) == wanted, f"checkpoints were {list(handed)}, {wanted} were expected")
    for predictions in handed.values():
        _require(len(predictions) == 1, f"{len(predictions)} predictions were handed over for one query")
        check_prediction(predictions[0], query.n_spots, examination.n_genes)
    last = np.asarray(handed[wanted[-1]][0])
    _require(
        examination.equal(last, method.predict(query)), "the last of them is not what predict gives then"
    )


def settings_at_prediction(examination: Examination) -> None:
    """A setting of `at_prediction`, changed once fitted or at a checkpoint, predicts as a fit with it does."""
    method, settings, query = examination.after_fit, examination.fresh().settings(), examination.query()
    at_last_checkpoint = _swept_while_fitting(examination)
    for (name, value), found_there in zip(examination.at_prediction, at_last_checkpoint, strict=True):
        changed, what = method.with_settings(**{name: value}), f"{name} {value}"
        _require(changed.settings() == settings | {name: value}, f"the copy with {what} has other settings")
        refit = examination.predicted_by_a_fit_with(name, value)
        _require(
            _same(changed.predict(query), refit, examination), f"a fit with {what} predicts something else"
        )
        _require(
            _same(found_there, refit, examination),
            f"with {what} the last checkpoint has other predictions than a fit",
        )
    unchanged = examination.equal(method.predict(query), examination.prediction)
    _require(unchanged and method.settings() == settings, "the fitted method itself was changed")


def _swept_while_fitting(examination: Examination) -> list[np.ndarray]:
    """What copies with the values of `at_prediction` predict at the last checkpoint of one fit, in their order."""
    method, inputs, query = examination.fresh(), examination.inputs(), examination.query()
    found: list[np.ndarray] = []

    def sweep(checkpoint: int, predictions: Sequence[np.ndarray]) -> None:
        copies = [method.with_settings(**{name: value}) for name, value in examination.at_prediction]
        found[:] = [np.array(changed.predict(query)) for changed in copies]

    if examination.at_prediction:
        method.fit(inputs.train, [query], range(1, EXAMINED_EPOCHS + 1), examination.context(hand_over=sweep))
        _require(bool(found), "there was no checkpoint")
    return found


def training_in_stages(examination: Examination) -> None:
    """Training that stops after an epoch and goes on in a fresh object equals training in one go, bit for bit."""
    if not examination.staged:
        return
    kept: list[TrainingState] = []
    stopped, inputs = examination.fresh(), examination.inputs()
    report = stopped.fit(inputs.train, context=examination.context(until=1, keep=kept.append))
    _require(len(kept) == 1, "a fit that was to stop kept no state to go on from")
    _require(report.epochs == 1, f"a fit that was to stop after epoch 1 trained {report.epochs}")
    resumed = examination.fresh()
    resumed.fit(examination.inputs().train, context=examination.context(resume=kept[0]))
    found = resumed.predict(examination.query())
    _require(examination.equal(found, examination.prediction), "a fit in two stages predicts something else")


def _same(one: np.ndarray, other: np.ndarray, examination: Examination) -> bool:
    """Equal, but for the last digits of a double: a closed form may go another way to its numbers."""
    nearly = np.shape(one) == np.shape(other) and np.allclose(one, other, rtol=1e-9, atol=1e-12)
    return nearly or examination.equal(one, other)


def truth_stays_unseen(examination: Examination) -> None:
    """Predictions do not change when the test slide's counts are scrambled."""
    scrambled = copy.deepcopy(examination.scrambled)
    predicted = np.asarray(examination.fitted(scrambled).predict(scrambled.query))
    _require(examination.equal(predicted, examination.prediction), "they change")


def slides_do_not_mix(examination: Examination) -> None:
    """Predictions do not change when another slide is predicted in between."""
    method, query = examination.after_fit, examination.query()
    first = np.asarray(method.predict(query)).copy()
    method.predict(copy.deepcopy(examination.other_query))
    _require(examination.equal(method.predict(query), first), "they change")


def one_spot_is_enough(examination: Examination) -> None:
    """A slide with one spot is predicted."""
    query = examination.query()
    single = replace(
        query,
        pixel_xy=query.pixel_xy[:1],
        array_row_column=query.array_row_column[:1],
        embeddings=None if query.embeddings is None else query.embeddings[:1],
        patches={edge: patches[:1] for edge, patches in query.patches.items()},
    )
    check_prediction(examination.after_fit.predict(single), 1, examination.n_genes)


def _equal(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.array_equal(one, other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    return one == other


CLAIMS: dict[str, Callable[[Examination], None]] = {
    claim.__name__: claim
    for claim in (
        settings_are_stored,
        card_names_settings,
        clone_equals_fresh,
        predict_before_fit_raises,
        prediction_is_whole,
        fits_repeat,
        inputs_are_left_alone,
        pickles,
        kept_as_a_file,
        queries_are_predicted_at_checkpoints,
        settings_at_prediction,
        training_in_stages,
        truth_stays_unseen,
        slides_do_not_mix,
        one_spot_is_enough,
    )
}
