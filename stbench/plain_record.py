"""The plain part of a Record as a file must hold it: typed field for field, nothing turned into another type.

What comes from a file may come from anybody, so that it is checked against these types when it is read.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

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

# Raised whenever a number's definition changes, so that results of two definitions never share a table.
PROTOCOL_VERSION = 2


def hashable(value: Any) -> Any:
    """A setting as part of a row's identity, which must hash: lists of JSON become tuples."""
    if isinstance(value, list | tuple):
        return tuple(hashable(part) for part in value)
    if value is None or isinstance(value, str | int | float):
        return value
    raise ValueError("a setting must be a word, a number or a list of them")


def _moment(words: str) -> str:
    datetime.fromisoformat(words)  # a ValueError otherwise
    return words


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
    overrides: tuple[tuple[StrictStr, Annotated[Any, AfterValidator(hashable)]], ...]
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


class PlainRecord(_Plain):
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
