"""What every method plugin must obey, one function a claim; used by the tests and by `stbench check NAME`.

The claims are checked on a small synthetic dataset with few epochs: they say that a plugin keeps the contract,
not that it is any good. Its slides are cut to a few spots, so that a network that is slow for each spot is
checked in a minute or two as well.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np

from stbench import registry
from stbench.commands.choosing import find_slides
from stbench.contract import FitContext, Method, MethodCard
from stbench.errors import MethodError, PluginError
from stbench.evaluation.design import Design
from stbench.evaluation.fit_inputs import FitInputs, fit_inputs
from stbench.evaluation.folds import group_slides, leave_one_group_out
from stbench.evaluation.materials import FoldMaterials, Materials
from stbench.evaluation.runner import build
from stbench.metrics.prediction import check_prediction
from stbench.slide import QuerySlide, Slide

CHECKED_ON = "demo-tiny"
CHECKED_EPOCHS = 2
CHECKED_SPOTS = 16
# Two slides to train on and one to predict are enough for every claim.
_SLIDES = 3
_GENES = 20


class Verdict(NamedTuple):
    """One claim and, where it does not hold, why."""

    claim: str
    problem: str | None


@dataclass
class Examination:
    """A method on the bench: its class and card, and fresh copies of what it is fitted on."""

    name: str
    method_class: type[Method]
    card: MethodCard

    @cached_property
    def materials(self) -> Materials:
        found, _ = find_slides(CHECKED_ON, None)
        sources = [source._replace(read=partial(_first_spots, source.read)) for source in found[:_SLIDES]]
        groups = group_slides({source.id: source.patient for source in sources}, "slide")
        design = Design(
            dataset=CHECKED_ON, genes="highest", n_genes=_GENES, epochs=CHECKED_EPOCHS, min_counts=0
        )
        return Materials(design, sources, groups)

    @property
    def fold(self) -> FoldMaterials:
        return self.materials.fold(leave_one_group_out(self.materials.groups)[0])

    def inputs(self) -> FitInputs:
        """What a fit is handed, made anew."""
        return fit_inputs(self.fold, self.card, self.fold.fold.train)

    def query(self) -> QuerySlide:
        return self.fold.query_slide(self.fold.fold.test[0], "query-0", self.card)

    def fresh(self) -> Method:
        return build(self.method_class, {}, CHECKED_EPOCHS)

    def fitted(self, seed: int = 0) -> Method:
        method, inputs = self.fresh(), self.inputs()
        method.fit(inputs.train, context=FitContext(seed=seed))
        return method

    @cached_property
    def after_fit(self) -> Method:
        """A method fitted with seed 0, for claims that only predict with it."""
        return self.fitted()

    @cached_property
    def prediction(self) -> np.ndarray:
        """The reference prediction: a fresh fit with seed 0."""
        return np.asarray(self.after_fit.predict(self.query())).copy()


def check_method(name: str) -> Iterator[Verdict]:
    """Check every claim in turn; a claim whose check raises does not hold. PluginError where nothing loads."""
    plugin = registry.find("method", name)
    examination = Examination(
        plugin.name, registry.load_method(plugin.name), registry.method_card(plugin.name)
    )
    for claim in CLAIMS:
        try:
            claim(examination)
            problem = None
        except PluginError as error:
            problem = str(error)
        except (Exception, SystemExit) as error:
            problem = f"{type(error).__name__}: {error}"
        yield Verdict((claim.__doc__ or claim.__name__).strip().rstrip("."), problem)


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
    card = examination.card
    for point in (*card.grid, card.full_grid, *card.presets.values()):
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
    check_prediction(examination.prediction, examination.query().n_spots, len(examination.fold.panel.genes))


def fits_repeat(examination: Examination) -> None:
    """Two fits with one seed predict the same, bit for bit."""
    again = np.asarray(examination.fitted().predict(examination.query()))
    _require(np.array_equal(again, examination.prediction), "two fits with seed 0 predict differently")


def inputs_are_left_alone(examination: Examination) -> None:
    """Neither fit nor predict changes the slides it is handed."""
    method, inputs, query = examination.fresh(), examination.inputs(), examination.query()
    before = copy.deepcopy((inputs.train, query))
    method.fit(inputs.train)
    method.predict(query)
    for slide, kept in zip([*inputs.train, query], [*before[0], before[1]], strict=True):
        for name, value in vars(kept).items():
            _require(_equal(getattr(slide, name), value), f"{name} of a slide was changed")


def pickles(examination: Examination) -> None:
    """A method pickles before and after fit, and the fitted copy predicts the same."""
    pickle.loads(pickle.dumps(examination.fresh()))
    restored = pickle.loads(pickle.dumps(examination.after_fit))
    _require(
        np.array_equal(restored.predict(examination.query()), examination.prediction),
        "the copy predicts differently",
    )


def queries_are_predicted_at_checkpoints(examination: Examination) -> None:
    """With queries, fit hands over a whole prediction of each at every checkpoint, without epochs once."""
    method, inputs, query = examination.fresh(), examination.inputs(), examination.query()
    handed: dict[int, Sequence[np.ndarray]] = {}
    epochs = range(1, CHECKED_EPOCHS + 1)
    method.fit(inputs.train, [query], epochs, FitContext(hand_over=handed.__setitem__))
    wanted = list(epochs) if "epochs" in examination.method_class.defaults() else [0]
    _require(list(handed) == wanted, f"checkpoints were {list(handed)}, {wanted} were expected")
    for predictions in handed.values():
        _require(len(predictions) == 1, f"{len(predictions)} predictions were handed over for one query")
        check_prediction(predictions[0], query.n_spots, len(examination.fold.panel.genes))
    last = np.asarray(handed[wanted[-1]][0])
    _require(np.array_equal(last, method.predict(query)), "the last of them is not what predict gives then")


def truth_stays_unseen(examination: Examination) -> None:
    """Predictions do not change when the test slide's counts are scrambled."""
    scrambled = Examination(examination.name, examination.method_class, examination.card)
    name = scrambled.fold.fold.test[0]
    scrambled.materials._slides[name] = _scrambled(scrambled.materials.slide(name))
    _require(np.array_equal(scrambled.prediction, examination.prediction), "they change")


def slides_do_not_mix(examination: Examination) -> None:
    """Predictions do not change when another slide is predicted in between."""
    method, query = examination.after_fit, examination.query()
    first = np.asarray(method.predict(query)).copy()
    method.predict(examination.fold.query_slide(examination.fold.fold.train[0], "query-1", examination.card))
    _require(np.array_equal(method.predict(query), first), "they change")


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
    check_prediction(examination.after_fit.predict(single), 1, len(examination.fold.panel.genes))


def _equal(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.array_equal(one, other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    return one == other


def _first_spots(read: Callable[[], Slide]) -> Slide:
    """The slide that `read` gives, cut to its first spots."""
    slide = read()
    return replace(
        slide,
        spot_ids=slide.spot_ids[:CHECKED_SPOTS],
        pixel_xy=slide.pixel_xy[:CHECKED_SPOTS],
        array_row_column=slide.array_row_column[:CHECKED_SPOTS],
        counts=slide.counts[:CHECKED_SPOTS],
        annotation=None if slide.annotation is None else slide.annotation[:CHECKED_SPOTS],
    )


def _scrambled(slide: Slide) -> Slide:
    """The slide with its spots' counts dealt out anew, so that totals stay plausible and no spot keeps its own."""
    return replace(slide, counts=slide.counts[np.roll(np.arange(slide.n_spots), slide.n_spots // 2)][:, ::-1])


CLAIMS: tuple[Callable[[Examination], None], ...] = (
    settings_are_stored,
    card_names_settings,
    clone_equals_fresh,
    predict_before_fit_raises,
    prediction_is_whole,
    fits_repeat,
    inputs_are_left_alone,
    pickles,
    queries_are_predicted_at_checkpoints,
    truth_stays_unseen,
    slides_do_not_mix,
    one_spot_is_enough,
)
