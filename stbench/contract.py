"""What a method and a dataset promise, and the cards that describe them.

A method is a class with `fit` and `predict`; a dataset is a class with `slides` and `fetch`. Each lives in a
folder with a `card.yaml`, whose typed form is MethodCard or DatasetCard: a mistyped key is an error.
"""

from __future__ import annotations

import copy
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from stbench.errors import DatasetError, MethodError, PluginError, UnknownName, UsageError
from stbench.slide import QuerySlide, Slide, TrainingSlide

if TYPE_CHECKING:
    from stbench.fetching import FetchListener, RemoteFile

TrainingScale = Literal["log", "minmax", "zscore"]


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


class Method(ABC):
    """A way to predict expression from a slide's image.

    Hyperparameters are keyword arguments of `__init__`, stored under their own names as given; the default
    written there is the preset `paper`. A method with epochs has a hyperparameter `epochs`. Objects are plain:
    they pickle, clone and share no state. A neural method trains with `stbench.nn.training.train`.
    """

    @abstractmethod
    def fit(
        self,
        train: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide] = (),
        checkpoints: Sequence[int] = (),
        context: FitContext = FitContext(),
    ) -> FitReport:
        """Learn from `train`, and hand over predictions for `queries` after each epoch of `checkpoints` (1, 2, ...).

        A method without epochs hands them over once, when it is fitted, as checkpoint 0.
        """

    @abstractmethod
    def predict(self, slide: QuerySlide) -> np.ndarray:
        """(n_spots, n_genes) predicted expression on the scale that the card names; raises before fit."""

    def state(self) -> FittedState:
        """What was learned, to keep; `restore` takes it back. Raises MethodError before fit.

        stbench.nn.fitted_state makes it of a network.
        """
        raise PluginError(
            f"{type(self).__name__} cannot be kept, for it has no `state`; write state and restore."
        )

    def restore(self, state: FittedState, device: str = "cpu") -> None:
        """Be fitted as the method of the same settings was that gave `state`; a network goes to `device`."""
        raise PluginError(
            f"{type(self).__name__} cannot be kept, for it has no `restore`; write state and restore."
        )

    @classmethod
    def from_state(cls, settings: Mapping[str, Any], state: FittedState, device: str = "cpu") -> Self:
        """A fitted method, from its settings and what `state` gave; MethodError for a state that is not whole."""
        cls.check_settings(settings)
        method = cls(**copy.deepcopy(dict(settings)))
        try:
            method.restore(state, device)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise MethodError(f"What was kept of {cls.__name__} is not whole: {error!r}.") from error
        return method

    def report_without_epochs(self, queries: Sequence[QuerySlide], context: FitContext) -> FitReport:
        """The report of a method that is fitted in one go, once its predictions for `queries` are handed over."""
        if queries and context.hand_over is not None:
            context.hand_over(0, [self.predict(slide) for slide in queries])
        return FitReport()

    def parameter_count(self) -> ParameterCount:
        """Numbers held after fit."""
        return ParameterCount(0, 0)

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """Hyperparameters and their defaults, read from the signature of `__init__`."""
        parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]  # without self
        return {p.name: p.default for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}

    @classmethod
    def check_settings(cls, settings: Mapping[str, Any]) -> None:
        """UnknownName for a setting that `__init__` does not take."""
        for name in settings:
            if name not in cls.defaults():
                folder = cls.__module__.split(".")[-2:][0]
                raise UnknownName(f"setting of {folder.replace('_', '-')}", name, cls.defaults())

    def settings(self) -> dict[str, Any]:
        """The hyperparameters as given."""
        return {name: getattr(self, name) for name in self.defaults()}

    def clone(self, **changes: Any) -> Method:
        """An unfitted copy with some hyperparameters changed."""
        return type(self)(**copy.deepcopy(self.settings() | changes))

    def with_settings(self, **changes: Any) -> Self:
        """A copy that shares what was learned, with settings changed that the card lists as `at_prediction`.

        Works after fit and at a checkpoint inside it, where the copy is good until training goes on.
        UnknownName for a setting that `__init__` does not take; a value that it refuses is refused here too.
        """
        self.check_settings(changes)
        values = self.clone(**changes).settings()
        changed = copy.copy(self)
        for name in changes:
            setattr(changed, name, values[name])
        return changed


class ReleasedMethod(Method):
    """A predictor with weights of its own, which is never fitted here: its card says `kind: released`.

    `restore` loads the weights, which lie in the plugin's folder; the state that it is handed is empty. `predict` gives
    ln(1 + counts per million) of the genes that the card's `released.genes` lists, in that order.
    """

    def fit(
        self,
        train: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide] = (),
        checkpoints: Sequence[int] = (),
        context: FitContext = FitContext(),
    ) -> FitReport:
        """Never called by the harness; MethodError."""
        raise MethodError(f"{type(self).__name__} is a released predictor and is not fitted.")

    def state(self) -> FittedState:
        """Nothing: what it knows lies in its own folder."""
        return FittedState({}, {})

    @abstractmethod
    def restore(self, state: FittedState, device: str = "cpu") -> None:
        """Load the weights; a network goes to `device`."""


@dataclass(frozen=True)
class ReadingOptions:
    """How slides are read where their files leave it open; UsageError for what is no size.

    bin_um        the bin of Visium HD, in microns, None where a slide has one only; of single molecules the edge of
                  the pseudo-spots
    drop_outside  leave out the spots that lie outside their image; they make it unreadable else
    um_per_px     the microns per pixel of slides whose files do not tell them
    """

    bin_um: float | None = None
    drop_outside: bool = False
    um_per_px: float | None = None

    def __post_init__(self) -> None:
        for option, value in (("--bin", self.bin_um), ("--um-per-px", self.um_per_px)):
            if value is not None and not 0 < value < float("inf"):
                raise UsageError(f"{option} must be a positive number of microns; found {value:g}.")

    def given(self) -> dict[str, Any]:
        """What is not as it is by default, by name; {} for nothing."""
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name)) != f.default}


READ_AS_IS = ReadingOptions()


class SlideSource(NamedTuple):
    """A slide that is on disk but not read yet: what the plan needs to know.

    files    every file that the slide's content depends on, by a name that does not depend on the machine
    read     reads it (picklable)
    reading  the options that `read` follows: its content depends on them too
    """

    id: str
    patient: str | None
    files: Mapping[str, Path]
    read: Callable[[], Slide]
    reading: ReadingOptions = READ_AS_IS


class UnmeasuredSlide(NamedTuple):
    """A slide without expression: for `stbench predict`, not for a run.

    read    reads it with its spots, a Slide without genes; None where there is an image alone
    microns  per pixel, as somebody states them beside the image; None where nobody does
    """

    id: str
    image: Path
    read: Callable[[], Slide] | None = None
    microns: float | None = None

    @property
    def words(self) -> str:
        """What it has, and what becomes of it."""
        has = "an image alone" if self.read is None else "an image and its spots"
        return f"no expression ({has}, no counts): stbench predict takes it, a run leaves it out"


class PublishedPatches(NamedTuple):
    """Patches that a dataset's provider cut itself: of which spots, how to read some by index, and their edge.

    read  indices -> (k, edge, edge, 3) uint8
    """

    spot_ids: tuple[str, ...]
    read: Callable[[Sequence[int]], np.ndarray]
    microns: float


class Dataset(ABC):
    """Slides in their provider's own files: raw counts and images, nothing else."""

    # Its name on the command line, after which the folder of its files is called.
    name: ClassVar[str] = ""
    # Names of folders below the data root in which this dataset may lie, besides its own name.
    folders: ClassVar[tuple[str, ...]] = ()
    # How its slides are to be read; set before `slides` is called. `honours` names what a dataset can follow of it.
    reading: ReadingOptions = READ_AS_IS
    honours: ClassVar[frozenset[str]] = frozenset({"um_per_px"})

    @abstractmethod
    def slides(self, root: Path) -> list[SlideSource]:
        """The complete slides below `root`, in order, unread; DatasetError where there are none."""

    def remote_files(self, folder: Path) -> list[RemoteFile]:
        """The provider's files, named as they are to lie below `folder`; stbench.fetching lists those of providers.

        Raises DatasetError where the provider cannot be reached, or where only a person can get the files.
        """
        raise DatasetError(f"{self.name or type(self).__module__} lists no files to download.")

    def fetch(self, root: Path, listener: FetchListener | None = None) -> None:
        """Download the files that `remote_files` lists to the dataset's folder below `root`, where they are missing."""
        from stbench.fetching import fetch_files

        folder = self.home(root)
        fetch_files(self.remote_files(folder), folder, listener)

    def home(self, root: Path) -> Path:
        """The dataset's folder below `root`: the first of its names that is there, else root/<name>."""
        if not self.name:
            raise PluginError(f"{type(self).__module__}: a dataset that downloads files must set `name`.")
        places = [root / folder for folder in (self.name, *self.folders)]
        return next((place for place in places if place.is_dir()), places[0])

    def missing(self, root: Path) -> dict[str, str]:
        """Slides that should be there and are not: name -> what is missing."""
        return {}

    def unmeasured(self, root: Path) -> list[UnmeasuredSlide]:
        """Slides below `root` without expression; neither `slides` nor `missing` has them."""
        return []

    def published_patches(self, slide: Slide) -> PublishedPatches | None:
        """The provider's own patches of a slide where they lie on disk: `stbench datasets check` compares them."""
        return None

    def copy_scrambled(self, root: Path, slide: str, to: Path, seed: int) -> None:
        """Copy the dataset from `root` to `to`, the expression of one slide replaced by noise, for the audit.

        The copy is laid out so that `slides(to)` reads it; totals may change, positions and image may not.
        """
        raise DatasetError(
            f"{type(self).__module__} cannot write a scrambled copy of its files, which the audit needs; "
            "implement copy_scrambled."
        )

    def locate(self, root: Path, name: str, is_here: Callable[[Path], bool]) -> Path:
        """The first of root, root/name and root/<provider's folder> for which `is_here`; else DatasetError."""
        candidates = [root, *(root / folder for folder in (name, *self.folders))]
        for candidate in candidates:
            if is_here(candidate):
                return candidate
        raise DatasetError(
            f"Dataset {name} is not at {root} (looked at {', '.join(map(str, candidates))}). "
            f"Set --data-root or $STBENCH_DATA to where it lies, or run: stbench datasets fetch {name}"
        )


class _Card(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    summary: str = Field(description="one sentence: the idea, or what the data are")


class Needs(BaseModel):
    """What the harness prepares for a method.

    patches           edges in full-resolution pixels of the patches it wants, besides or instead of embeddings
    resized_to        pixels that each of these patches arrives with (bilinear, antialiased), None for its own
    products          of embeddings, made once for all trials: "gram" is each training slide's Gram matrix
    min_train_slides  fewer than these and it cannot be fitted
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    embeddings: bool = False
    patches: tuple[PositiveInt, ...] = ()
    resized_to: PositiveInt | None = None
    products: tuple[Literal["gram"], ...] = ()
    min_train_slides: PositiveInt = 1

    @model_validator(mode="after")
    def _products_of_embeddings(self) -> Needs:
        if self.products and not self.embeddings:
            raise ValueError("products are of embeddings, which the card does not ask for")
        return self


class PublishedSteps(BaseModel):
    """Optimiser steps that a publication's own training takes, and how that number comes about, in words."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: PositiveInt
    regime: str


class Ablation(BaseModel):
    """A part of a method changed, as a table of its paper does: `stbench ablate` runs it.

    table, name  as the paper prints them ("Table 2", "w/o E_TS"): its own numbers are found by these
    settings     what is changed of the method's settings, or
    encoder      the image encoder that is put in the place of the run's
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str
    name: str
    settings: dict[str, Any] = Field(default_factory=dict)
    encoder: str = ""

    @model_validator(mode="after")
    def _changes_one_thing(self) -> Ablation:
        if bool(self.settings) == bool(self.encoder):
            raise ValueError(f"ablation {self.name} changes either settings or the encoder")
        return self


class Pretraining(BaseModel):
    """What a released predictor's weights were trained on, as its makers state it.

    datasets  data set, by its name here -> those of its slides that were trained on, [] for all of them; data sets that
              are none here may be named as well
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    datasets: dict[str, tuple[str, ...]]


class ReleasedCard(BaseModel):
    """What is released with a predictor that has its own weights and is never fitted here.

    genes        a file beside the card that names the genes which it predicts, one a line, in the order of its columns
    pretraining  on what it was trained, or the word unknown
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    genes: str
    pretraining: Literal["unknown"] | Pretraining


class MethodCard(_Card):
    """card.yaml of a method.

    kind        "floor" for the simple rivals that stand in every table; "released" for a predictor that has its own
                weights and is never fitted (a `ReleasedMethod`); else "method"
    released    of that kind only: which genes it predicts, on what it was trained
    reference   repository, commit and licence of the authors' code, in words
    trains_on   the scale that its losses are tuned to: the target as it is (log), or moved per gene by the training
                slides (minmax, zscore); the harness hands it that scale and inverts before scoring. None (a method
                that any per-gene affine map leaves alone) takes the run's scale
    presets     settings that differ from the defaults (which are the preset `paper`), by preset name
    published_steps  steps of the publication's training, by preset; one without an entry trains as `paper` does
    grid        the inner loop's short list of settings, the default ({}) first, at most four
    full_grid   name -> values; `--grid full` tries the product
    at_prediction  settings of the grids that change what a fitted method predicts, not what it learns: all their
                values are tried on one fit, by `Method.with_settings`
    staged      its training can stop after an epoch and go on in another process, bit for bit: `--halving` stops
                settings that trail; a method that is not staged always trains to its end
    pretrained  published weights that the method's own network starts from, by the names of preprocess/weights.py;
                they are fetched before any fitting starts
    ablations   parts of the method changed, one by one, as the tables of its paper do
    """

    kind: Literal["method", "floor", "released"] = "method"
    released: ReleasedCard | None = None
    family: str
    paper: str = ""
    year: int | None = None
    venue: str = ""
    link: str = ""
    reference: str = ""
    needs: Needs = Needs()
    trains_on: TrainingScale | None = None
    presets: dict[str, dict[str, Any]] = Field(default_factory=dict)
    published_steps: dict[str, PublishedSteps] = Field(default_factory=dict)
    grid: tuple[dict[str, Any], ...] = Field(default=({},), max_length=4)
    full_grid: dict[str, list[Any]] = Field(default_factory=dict)
    at_prediction: tuple[str, ...] = ()
    staged: bool = False
    pretrained: tuple[str, ...] = ()
    ablations: tuple[Ablation, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _renamed_key(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and "target" in given:
            raise ValueError(
                f"the key target is called trains_on now; write trains_on: {given['target']} in its place"
            )
        return given

    @model_validator(mode="after")
    def _released_whole(self) -> MethodCard:
        if (self.kind == "released") != (self.released is not None):
            raise ValueError(
                "kind: released and the key released (genes, pretraining: unknown or datasets) go together"
            )
        if self.kind == "released" and (len(self.grid) > 1 or self.full_grid or self.staged or self.presets):
            raise ValueError(
                "a released predictor is not fitted, so that it has no grid, full_grid, presets or staged"
            )
        return self

    @model_validator(mode="after")
    def _default_first(self) -> MethodCard:
        if not self.grid or self.grid[0] != {}:
            raise ValueError("grid must start with {} (the default settings)")
        return self

    @model_validator(mode="after")
    def _steps_of_presets(self) -> MethodCard:
        if unknown := self.published_steps.keys() - self.presets.keys():
            raise ValueError(f"published_steps names {min(unknown)}, which is no preset")
        return self

    @model_validator(mode="after")
    def _at_prediction_in_grids(self) -> MethodCard:
        tried = set(self.full_grid).union(*self.grid)
        if unknown := set(self.at_prediction) - tried:
            raise ValueError(f"at_prediction names {min(unknown)}, which is in neither grid nor full_grid")
        return self

    @model_validator(mode="after")
    def _ablations_once(self) -> MethodCard:
        names = [(ablation.table, ablation.name) for ablation in self.ablations]
        twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
        if twice:
            raise ValueError(f"ablations names {twice[1]} of {twice[0]} twice")
        return self

    def steps_published(self, preset: str) -> int | None:
        """Optimiser steps of the publication's training under a preset, None where the card states none."""
        stated = self.published_steps.get(preset) or self.published_steps.get("paper")
        return stated.steps if stated else None


class ExpectedSlide(BaseModel):
    """What a card states about one slide as it was published; None where it states nothing.

    annotated  whether it has a pathologist's labels
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    spots: PositiveInt | None = None
    genes: PositiveInt | None = None
    annotated: bool = False


class DatasetCard(_Card):
    """card.yaml of a dataset.

    n_slides        None where it depends on the user's own folder
    own_folder      the slides lie in a folder that is given with the name, as in path:DIR
    generated       made by the project's own code below the cache: synthetic, no download
    download_size   how much `stbench datasets fetch` transfers, in words ("0.9 GB"); "" where nobody knows
    expected        what is stated of single slides, by name; `stbench datasets check` compares
    max_epochs      a bound on epochs that this dataset asks for, None for no bound
    max_settings    a bound on the settings the inner loop tries
    unlabelled      annotation values that mean "no label"
    tumour_labels   annotation values that count as tumour where tumour is told from the rest
    """

    citation: str
    licence: str
    platform: str
    n_slides: int | None
    n_patients: int | None
    annotation: str = ""
    download: str = ""
    download_size: str = ""
    expected: dict[str, ExpectedSlide] = Field(default_factory=dict)
    own_folder: bool = False
    generated: bool = False
    max_epochs: PositiveInt | None = None
    max_settings: PositiveInt | None = None
    unlabelled: tuple[str, ...] = ("undetermined",)
    tumour_labels: tuple[str, ...] = ()
    marker_genes: tuple[str, ...] = ()
    quirks: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _tumour_is_labelled(self) -> DatasetCard:
        if "" in self.tumour_labels:
            raise ValueError("tumour_labels names an empty label, which spots without a label have")
        if both := set(self.tumour_labels) & set(self.unlabelled):
            raise ValueError(f"tumour_labels names {min(both)}, which unlabelled says is no label")
        return self
