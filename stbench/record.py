"""What one method left behind on one fold, as plain frozen values.

A Record is everything a leaderboard row needs and everything a sceptic needs to recompute it. Its plain part
is JSON; predictions and truths travel beside it as arrays and are stored in files of their own. What comes from a
file may come from anybody: the plain part is typed, and checked against these types when it is read.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    Strict,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
    WrapValidator,
    model_validator,
)

from stbench.errors import StbenchError

# Raised whenever a number's definition changes, so that results of two definitions never share a table.
PROTOCOL_VERSION = 2
# The name of a Record's curve of losses.
TRAINING_LOSS = "training_loss"


_ARRAYS = {"predictions", "training", "truths"}
_NOT_STORED = {*_ARRAYS, "truth_unknown"}
_TUPLES = {"train_slides", "test_slides", "panel_genes", "notes", "unlabelled", "tumour_labels"}


@dataclass(frozen=True, eq=False)
class SlideTruth:
    """What a slide's predictions are scored against, for one gene panel.

    genes         the panel's genes that this slide measured, G of them
    counts        (n, G) raw counts;  totals (n,) counts over all genes
    scored        (n,) True where the spot has enough counts to be scored
    annotation    n labels ("" = none) or None
    thumbnail     bytes of a small JPEG of the slide, (k,) uint8, and its pixels per full-resolution pixel
    """

    slide: str
    patient: str | None
    genes: tuple[str, ...]
    spot_ids: tuple[str, ...]
    pixel_xy: np.ndarray
    array_row_column: np.ndarray
    counts: np.ndarray
    totals: np.ndarray
    scored: np.ndarray
    annotation: np.ndarray | None = None
    thumbnail: np.ndarray | None = None
    thumbnail_scale: float | None = None


@dataclass(frozen=True)
class TableIdentity:
    """What rows must agree on to share a table.

    panel, data  hashes: of what the genes were chosen from and how, and of the slides' files
    tune_on      the score that the inner loop maximised
    checkpoints  among which epochs it could choose; "every epoch" in results of older versions, "" without a loop
    halving      whether settings that trailed were stopped early
    """

    dataset: str
    slides: tuple[str, ...]
    data: str
    split: str
    inner: str
    genes: str
    panel: str
    scale: str
    target: str
    min_counts: int
    patch: str
    encoder: str
    protocol: int = PROTOCOL_VERSION
    tune_on: str = "pcc"
    checkpoints: str = "every epoch"
    halving: bool = False


@dataclass(frozen=True)
class RowIdentity:
    """What tells one leaderboard row from another within a table; seeds and folds are averaged inside it.

    variant    preset of settings ("paper", "released"), "untuned" for a floor's published settings beside its
               tuned row, "" for methods without presets
    overrides  settings given by hand, as sorted (name, value) pairs
    budget     bound on epochs and grid in words
    """

    method: str
    variant: str
    overrides: tuple[tuple[str, Any], ...] = ()
    budget: str = ""
    source: str = ""


@dataclass(frozen=True)
class SlideScores:
    """Scores of one test slide: `scores` maps a metric to a number or None (undefined here).

    `per_gene` maps a column ("pcc", "pcc_given_depth", ...) to one value per gene of `genes`.
    `ari_references` maps rows that are no predictions ("measured", "coordinates", ...) to their adjusted Rand index
    on this slide; empty where nobody annotated it.
    """

    slide: str
    patient: str | None
    n_spots: int
    n_scored: int
    scores: Mapping[str, float | None]
    genes: tuple[str, ...] = ()
    per_gene: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    ari_references: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Record:
    """One (method, settings, seed, fold): scores, cost, versions, hashes; `failure` is None or the reason.

    trace         the traceback of a failure, "" where there is none
    sealed        how far the process was shut in that was fitted in: "sealed", "not sealed", ...; "" in old Records
    unlabelled, tumour_labels   which annotation values mean "no label" and which count as tumour
    ablation      which ablation of its method it is, as its card names it ("Table 2: w/o E_TS"); "" for the method
    released      of a predictor that was not fitted here: its model and what is known of its training slides; else {}
    published_steps             optimiser steps of the publication's training; those taken are in `cost`
    curves        how the training went: "training_loss" of each epoch, and at the inner loop's checkpoints the chosen
                  settings' mean validation scores ("inner_pcc", ...): name -> {"epochs", "values", "n_points"}, where
                  n_points is how many there were before they were thinned; {} where nothing trains, and in old Records
    predictions   test slide -> (n_spots, G) float32 on the log scale, as they were scored
    training      what the scores know of the training slides: minimum, maximum, mean, std, (G,) over panel_genes
    truth_unknown why nobody here could check what it was scored against, "" where that is known; never stored
    """

    key: str
    table: TableIdentity
    row: RowIdentity
    kind: str
    seed: int
    fold: str
    n_folds: int
    train_slides: tuple[str, ...]
    test_slides: tuple[str, ...]
    failure: str | None = None
    trace: str = ""
    sealed: str = ""
    leaky: bool = False
    panel_note: str = ""
    panel_hash: str = ""
    panel_genes: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    tuning: Mapping[str, Any] = field(default_factory=dict)
    slides: tuple[SlideScores, ...] = ()
    cost: Mapping[str, float | None] = field(default_factory=dict)
    published_steps: int | None = None
    curves: Mapping[str, Any] = field(default_factory=dict)
    ablation: str = ""
    pretrained: str = ""
    released: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()
    tumour_labels: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    predictions: Mapping[str, np.ndarray] = field(default_factory=dict)
    training: Mapping[str, np.ndarray] = field(default_factory=dict)
    truths: Mapping[str, SlideTruth] = field(default_factory=dict)
    truth_unknown: str = ""

    @property
    def finished(self) -> bool:
        return self.failure is None

    def to_plain(self) -> dict[str, Any]:
        """The JSON part: everything but the arrays."""
        plain = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _NOT_STORED}
        plain |= {
            "table": asdict(self.table),
            "row": asdict(self.row),
            "slides": [asdict(s) for s in self.slides],
        }
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Record:
        """The Record whose JSON part is `plain`; StbenchError where it is not one."""
        try:
            # Only checked: the values are taken as they are, so that an integer stays one and JSON comes out as it was.
            _PlainRecord.model_validate(plain)
        except ValidationError as error:
            raise StbenchError(
                f"This is not a Record of this version of stbench: {first_fault(error)}."
            ) from error
        values = dict(plain)
        row = dict(values["row"])
        row["overrides"] = tuple((name, _hashable(value)) for name, value in row["overrides"])
        table = dict(values["table"])
        table["slides"] = tuple(table["slides"])
        # Older versions had no word for it; without an inner loop there is nothing to say.
        table.setdefault("checkpoints", "" if table["inner"] == "none" else "every epoch")
        values["table"], values["row"] = TableIdentity(**table), RowIdentity(**row)
        values["slides"] = tuple(_slide_scores(s) for s in values["slides"])
        for name in _TUPLES & values.keys():
            values[name] = tuple(values[name])
        return cls(**values)


def _slide_scores(plain: Mapping[str, Any]) -> SlideScores:
    values = dict(plain)
    values["genes"] = tuple(values["genes"])
    values["per_gene"] = {name: tuple(column) for name, column in values["per_gene"].items()}
    return SlideScores(**values)


def _hashable(value: Any) -> Any:
    """A setting as part of a row's identity, which must hash: lists of JSON become tuples."""
    if isinstance(value, list | tuple):
        return tuple(_hashable(part) for part in value)
    if value is None or isinstance(value, str | int | float):
        return value
    raise ValueError("a setting must be a word, a number or a list of them")


def _moment(words: str) -> str:
    datetime.fromisoformat(words)  # a ValueError otherwise
    return words


# The types of the plain part, field for field as in the classes above; nothing is turned into another type.
_Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
_Count = Annotated[NonNegativeInt, Strict()]
_Names = tuple[StrictStr, ...]
_Scores = dict[StrictStr, _Number | None]


class _Plain(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _PlainTable(_Plain):
    dataset: StrictStr
    slides: _Names
    data: StrictStr
    split: StrictStr
    inner: StrictStr
    genes: StrictStr
    panel: StrictStr
    scale: StrictStr
    target: StrictStr
    min_counts: _Count
    patch: StrictStr
    encoder: StrictStr
    protocol: StrictInt = PROTOCOL_VERSION
    tune_on: StrictStr = "pcc"
    checkpoints: StrictStr = "every epoch"
    halving: StrictBool = False


class _PlainRow(_Plain):
    method: StrictStr
    variant: StrictStr
    overrides: tuple[tuple[StrictStr, Annotated[Any, AfterValidator(_hashable)]], ...]
    budget: StrictStr = ""
    source: StrictStr = ""


class _PlainSlide(_Plain):
    slide: StrictStr
    patient: StrictStr | None
    n_spots: _Count
    n_scored: _Count
    scores: _Scores
    genes: _Names
    per_gene: dict[StrictStr, tuple[_Number | None, ...]]
    ari_references: _Scores = Field(default_factory=dict)

    @model_validator(mode="after")
    def _a_value_for_each_gene(self) -> _PlainSlide:
        for name, column in self.per_gene.items():
            if len(column) != len(self.genes):
                raise ValueError(f"{name} should have a value for each of its {len(self.genes)} genes")
        return self


class _PlainCurve(_Plain):
    settings: dict[StrictStr, Any]
    curve: tuple[_Number | None, ...]
    checkpoints: tuple[StrictInt, ...] = ()


class _PlainTuning(_Plain):
    """All of it, since a run with a further seed goes on from it."""

    settings: dict[StrictStr, Any]
    epochs: Annotated[PositiveInt, Strict()] | None
    score: _Number
    at_cap: StrictBool
    curves: tuple[_PlainCurve, ...]


def _or_empty(plain: Any, checked: Callable[[Any], _PlainTuning]) -> _PlainTuning:
    """Empty where nothing was tuned, otherwise whole."""
    return _PlainTuning.model_construct() if plain == {} else checked(plain)


class _PlainTrainingCurve(_Plain):
    """Values by epoch, ascending, of n_points that there were."""

    epochs: tuple[_Count, ...]
    values: tuple[_Number | None, ...]
    n_points: _Count

    @model_validator(mode="after")
    def _a_value_for_each_epoch(self) -> _PlainTrainingCurve:
        if len(self.values) != len(self.epochs):
            raise ValueError(f"values should be as many as its {len(self.epochs)} epochs")
        if any(later <= earlier for earlier, later in itertools.pairwise(self.epochs)):
            raise ValueError("epochs should ascend")
        return self


class _PlainAsked(_Plain):
    """What a run was asked for that its identities hold as hashes or in words."""

    model_config = ConfigDict(extra="allow")

    n_genes: StrictInt | None = None
    grid: StrictStr = ""
    epochs: StrictInt | None = None


class _PlainProvenance(_Plain):
    """What is read again; the rest is for people."""

    model_config = ConfigDict(extra="allow")

    finished_at: Annotated[StrictStr, AfterValidator(_moment)] = ""
    stbench: StrictStr = ""
    processor: StrictStr = ""
    device: StrictStr = ""
    reference: StrictStr = ""
    threads: StrictInt | None = None
    slides: dict[StrictStr, dict[StrictStr, Any]] = Field(default_factory=dict)
    reading: dict[StrictStr, StrictBool | _Number] = Field(default_factory=dict)
    asked: _PlainAsked = _PlainAsked.model_construct()
    synthetic: StrictBool = False
    has_publication: StrictBool = True


class _PlainReleased(_Plain):
    """A predictor that was not fitted here.

    method      the plugin behind it;  model  SHA-256 of its file, "" of a plugin that has its own weights
    trained_on  data set that it was fitted on, "" where its card speaks of several or of none
    seen        test slide -> whether it may have seen it
    """

    method: StrictStr
    model: StrictStr = ""
    trained_on: StrictStr = ""
    seen: dict[StrictStr, Literal["yes", "patient", "unknown", "no"]] = Field(default_factory=dict)


def _released_or_empty(plain: Any, checked: Callable[[Any], _PlainReleased]) -> _PlainReleased:
    return _PlainReleased.model_construct() if plain == {} else checked(plain)


class _PlainRecord(_Plain):
    key: StrictStr
    table: _PlainTable
    row: _PlainRow
    kind: StrictStr
    seed: StrictInt
    fold: StrictStr
    n_folds: _Count
    train_slides: _Names
    test_slides: _Names
    failure: StrictStr | None = None
    trace: StrictStr = ""
    sealed: StrictStr = ""
    leaky: StrictBool = False
    panel_note: StrictStr = ""
    panel_hash: StrictStr = ""
    panel_genes: _Names = ()
    settings: dict[StrictStr, Any] = Field(default_factory=dict)
    tuning: Annotated[_PlainTuning, WrapValidator(_or_empty)] = _PlainTuning.model_construct()
    slides: tuple[_PlainSlide, ...]
    cost: _Scores = Field(default_factory=dict)
    published_steps: StrictInt | None = None
    curves: dict[StrictStr, _PlainTrainingCurve] = Field(default_factory=dict)
    ablation: StrictStr = ""
    pretrained: StrictStr = ""
    released: Annotated[_PlainReleased, WrapValidator(_released_or_empty)] = _PlainReleased.model_construct()
    notes: _Names = ()
    unlabelled: _Names = ()
    tumour_labels: _Names = ()
    provenance: _PlainProvenance = _PlainProvenance()


def first_fault(error: ValidationError) -> str:
    """The first thing that is wrong, in words: which field, what it holds, what would have been right."""
    first = error.errors(include_url=False)[0]
    field_name = ".".join(map(str, first["loc"])) or "the whole"
    if first["type"] == "missing":
        return f"{field_name} is missing"
    if first["type"] == "extra_forbidden":
        return f"{field_name} is no field of it"
    found = repr(first["input"])
    found = found if len(found) <= 60 else f"{found[:60]} ..."
    right = first["msg"].removeprefix("Value error, ").partition(" or instance of ")[0]
    return f"{field_name} is {found}, and {right[:1].lower()}{right[1:]}"
