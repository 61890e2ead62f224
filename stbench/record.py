"""What one method left behind on one fold, as plain frozen values.

A Record is everything a leaderboard row needs and everything a sceptic needs to recompute it. Its plain part
is JSON; predictions and truths travel beside it as arrays and are stored in files of their own. What comes from a
file may come from anybody: the plain part is typed, and checked against these types when it is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
from pydantic import ValidationError

from stbench.errors import StbenchError
from stbench.plain_record import PROTOCOL_VERSION, PlainRecord, first_fault, hashable

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
            PlainRecord.model_validate(plain)
        except ValidationError as error:
            raise StbenchError(
                f"This is not a Record of this version of stbench: {first_fault(error)}."
            ) from error
        values = dict(plain)
        row = dict(values["row"])
        row["overrides"] = tuple((name, hashable(value)) for name, value in row["overrides"])
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
