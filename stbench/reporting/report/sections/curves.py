"""How trainings went: the loss of each fold's fit by epoch, and the inner loop's scores with what it chose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stbench.record import TRAINING_LOSS, Record
from stbench.reporting import statistics
from stbench.reporting.report.boards import Board, Entry
from stbench.reporting.report.patients import CORRELATIONS

# Lines and points of one figure: a page has seventeen methods and stays small.
_MOST_FOLDS, _MOST_POINTS = 12, 60
_DIGITS = 5


@dataclass(frozen=True)
class Curve:
    """A line: values by epoch; None where undefined."""

    name: str
    epochs: tuple[int, ...]
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class ChosenEpoch:
    """Where a fold's inner loop stopped: `value` is the score that it was chosen by."""

    fold: str
    epoch: int
    value: float


@dataclass(frozen=True)
class MethodCurves:
    """One row's curves.

    losses  one a fold;  scores  the mean over folds, one a correlation;  chosen  one a fold, of score `chosen_by`
    aside   what is not drawn
    """

    label: str
    losses: tuple[Curve, ...]
    scores: tuple[Curve, ...]
    chosen: tuple[ChosenEpoch, ...]
    chosen_by: str
    aside: str = ""


@dataclass(frozen=True)
class CurvesSection:
    """The rows that have curves, in the order of the table; none of methods that are fitted in one go."""

    methods: tuple[MethodCurves, ...]


def curves_section(board: Board) -> CurvesSection:
    """The curves of every row that has any, first seed."""
    found = (_of_entry(entry) for entry in board.entries)
    return CurvesSection(tuple(method for method in found if method.losses or method.scores))


def _of_entry(entry: Entry) -> MethodCurves:
    records = entry.first_seed()[:_MOST_FOLDS] if entry.row.seeds else []
    losses = [
        _drawn(record.fold, record.curves[TRAINING_LOSS])
        for record in records
        if TRAINING_LOSS in record.curves
    ]
    inner = [(record, curves) for record in records if (curves := _inner(record))]
    scores = [
        mean
        for score, words in CORRELATIONS.items()
        if (mean := _mean(words, [curves[score] for _, curves in inner if score in curves])).epochs
    ]
    chosen_by = records[0].table.tune_on.replace("-", "_") if records else "pcc"
    chosen = [_chosen(record, curves.get(chosen_by)) for record, curves in inner]
    return MethodCurves(
        entry.label,
        tuple(losses),
        tuple(scores),
        tuple(one for one in chosen if one is not None),
        CORRELATIONS.get(chosen_by, chosen_by),
        _aside(entry, records),
    )


def _inner(record: Record) -> dict[str, Mapping[str, Any]]:
    """Score -> its curve in the inner loop; Records of older versions kept that of the score that was tuned on."""
    kept = {
        score: record.curves[f"inner_{score}"] for score in CORRELATIONS if f"inner_{score}" in record.curves
    }
    if kept or not record.tuning or record.tuning["epochs"] is None:
        return kept
    tuning = record.tuning
    winner = next((c for c in tuning["curves"] if c["settings"] == tuning["settings"]), None)
    if winner is None or len(winner.get("checkpoints", ())) != len(winner["curve"]):
        return {}
    return {
        record.table.tune_on.replace("-", "_"): {"epochs": winner["checkpoints"], "values": winner["curve"]}
    }


def _drawn(name: str, curve: Mapping[str, Any]) -> Curve:
    """A curve with as many points as a figure shows, its last among them."""
    n, every = len(curve["epochs"]), max(1, -(-len(curve["epochs"]) // _MOST_POINTS))
    kept = sorted({*range(0, n, every), n - 1} if n else set())
    return Curve(
        name, tuple(curve["epochs"][i] for i in kept), tuple(_short(curve["values"][i]) for i in kept)
    )


def _mean(name: str, curves: Sequence[Mapping[str, Any]]) -> Curve:
    """The mean over folds at the epochs at which all of them were judged."""
    of_fold = [dict(zip(curve["epochs"], curve["values"], strict=True)) for curve in curves]
    shared = sorted(set.intersection(*map(set, of_fold))) if of_fold else []
    return Curve(
        name,
        tuple(shared),
        tuple(_short(statistics.mean(values[epoch] for values in of_fold)) for epoch in shared),
    )


def _chosen(record: Record, curve: Mapping[str, Any] | None) -> ChosenEpoch | None:
    epoch: int | None = record.tuning.get("epochs")  # curves may lie there without a choice
    values = dict(zip(curve["epochs"], curve["values"], strict=True)) if curve else {}
    value = values.get(epoch)
    return (
        None
        if epoch is None or value is None
        else ChosenEpoch(record.fold, epoch, float(_short(value) or 0.0))
    )


def _aside(entry: Entry, drawn: Sequence[Record]) -> str:
    """What is left out, in a sentence."""
    words = []
    if (n_folds := len(entry.first_seed())) > len(drawn):
        words.append(f"the first {len(drawn)} of {n_folds} folds")
    if len(entry.row.seeds) > 1:
        words.append(f"seed {entry.row.seeds[0]} of {len(entry.row.seeds)}")
    curves: Iterable[Mapping[str, Any]] = (record.curves.get(TRAINING_LOSS, {}) for record in drawn)
    if any(curve.get("n_points", 0) > _MOST_POINTS for curve in curves):
        words.append(f"at most {_MOST_POINTS} epochs of each, evenly spaced")
    return f"Drawn: {', '.join(words)}." if words else ""


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{_DIGITS}g}")
