"""What MLflow gets of a Record and of a leaderboard row: names, parameters, numbers and times."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from stbench.files import hash_value
from stbench.names import file_name, printable, shown_name
from stbench.record import Record
from stbench.reporting import statistics
from stbench.reporting.mlflow.kept_model import KeptModelEntry
from stbench.reporting.mlflow.logged import stamp
from stbench.reporting.synthetic_tissue import WORDS, is_synthetic
from stbench.reporting.tables.row import Row
from stbench.reporting.tables.rows import AVERAGED

# Longer values are cut: servers refuse them, and the Record on disk has them in full.
_LONGEST_PARAM = 500
_LONGEST_TAG = 5000
_LONGEST_KEY = 200
_LONGEST_RUN_NAME = 200
_ROW_METRICS = (
    *AVERAGED,
    "pcc_slide_mean",
    "pcc_seed_sd",
    "fit_seconds",
    "predict_seconds_per_1000_spots",
    "parameters",
    "n_slides",
    "n_patients",
    "n_failed",
    "n_constant",
)


def experiment_name(dataset: str) -> str:
    """The experiment that holds a dataset's runs."""
    return f"stbench/{shown_name(dataset)}"


def row_hash(record: Record) -> str:
    """What the Records of one leaderboard row share."""
    return hash_value([asdict(record.table), asdict(record.row)])


def milliseconds(record: Record) -> int:
    """What a Record's own fit and predictions took; its inner loop, which other folds share, is not in it."""
    return round(1000 * sum(record.cost.get(f"{part}_seconds") or 0.0 for part in ("fit", "predict")))


def run_times(record: Record) -> tuple[int, int]:
    """When the fit of a Record began and its predictions ended, in milliseconds since 1970."""
    finished_at = record.provenance.get("finished_at")
    ended = int(1000 * (datetime.fromisoformat(finished_at).timestamp() if finished_at else time.time()))
    return ended - milliseconds(record), ended


def parent_tags(row: Row, identity: str) -> dict[str, str]:
    """Tags of a leaderboard row's run, which is called what tables call the row; it is found again by `identity`."""
    name = shown_name(row.label, _LONGEST_RUN_NAME)
    return _tags({"mlflow.runName": name, "mlflow.source.name": "stbench", "stbench.row": identity})


def child_tags(record: Record, parent: str) -> dict[str, str]:
    """Tags of a Record's run: where it belongs, which result it is, how it was made, why it failed."""
    versions = {f"stbench.{k}": v for k, v in record.provenance.items() if isinstance(v, str | int | float)}
    return _tags(
        versions
        | commit_tags([record])
        | {
            "mlflow.parentRunId": parent,
            "mlflow.runName": f"{shown_name(record.row.method)} {shown_name(record.fold)} seed {record.seed}",
            "mlflow.source.name": "stbench",
            "mlflow.note.content": "\n\n".join(filter(None, [record.failure, *record.notes])),
            "stbench.row": row_hash(record),
            "stbench.key": record.key,
            "stbench.stamp": stamp(record),
        }
    )


def commit_tags(records: Sequence[Record]) -> dict[str, str]:
    """The commit of stbench that made the Records, where they name it: a run's source, where it is one."""
    states = [record.provenance.get("git") for record in records]
    return _commit_tags([state for state in states if isinstance(state, Mapping) and state.get("commit")])


def _commit_tags(states: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    commits = sorted({str(state["commit"]) for state in states})
    if not commits:
        return {}
    changed = any(state.get("changed") for state in states)
    tags = {"stbench.commit": ", ".join(commits), "stbench.uncommitted_changes": str(changed)}
    return _tags(tags | ({"mlflow.source.git.commit": commits[0]} if len(commits) == 1 else {}))


def row_tags(row: Row, records: Sequence[Record]) -> dict[str, str]:
    """What must be known of a leaderboard row, where MLflow shows it, and whether its tissue is generated."""
    synthetic = is_synthetic(records)
    note = "\n\n".join(filter(None, [f"{WORDS}." if synthetic else "", row.note]))
    return {
        "mlflow.note.content": _value(note, _LONGEST_TAG),
        "stbench.synthetic": str(synthetic),
        **commit_tags(records),
    }


def parent_params(record: Record) -> dict[str, str]:
    """Parameters of a leaderboard row: what its table fixes and the choices of the row."""
    table = asdict(record.table) | {"slides": ",".join(record.table.slides)}
    row = {name: value for name, value in asdict(record.row).items() if name != "overrides"}
    overrides = {f"settings.{name}": value for name, value in record.row.overrides}
    more = {
        "kind": record.kind,
        "leaky": record.leaky,
        "panel_note": record.panel_note,
        "n_folds": record.n_folds,
    }
    released = {f"released.{name}": value for name, value in record.released.items() if name != "seen"}
    return _params(table | row | overrides | more | released)


def child_params(record: Record) -> dict[str, str]:
    """Parameters of a Record: those of its row, its fold and seed, and the settings that were chosen."""
    own = {
        "fold": record.fold,
        "seed": record.seed,
        "test_slides": ",".join(record.test_slides),
        "train_slides": ",".join(record.train_slides),
        "panel_hash": record.panel_hash,
        "pretrained": record.pretrained,
        "released.may_have_seen": " ".join(f"{k}={v}" for k, v in record.released.get("seen", {}).items()),
    }
    settings = {f"settings.{name}": value for name, value in record.settings.items()}
    return parent_params(record) | _params(own | settings)


def child_metrics(record: Record) -> dict[str, float]:
    """Each score as the mean over the fold's slides, and the costs; what is undefined is left out."""
    names = sorted({name for slide in record.slides for name in slide.scores})
    scores = {name: statistics.mean(slide.scores.get(name) for slide in record.slides) for name in names}
    return _numbers(scores | dict(record.cost) | {"seconds": milliseconds(record) / 1000})


def parent_metrics(row: Row) -> dict[str, float]:
    """A leaderboard row's means and costs."""
    low, high = row.pcc_ci or (None, None)
    return _numbers(
        {name: getattr(row, name) for name in _ROW_METRICS} | {"pcc_ci_low": low, "pcc_ci_high": high}
    )


def model_tags(model: KeptModelEntry) -> dict[str, str]:
    """Tags of a kept model's run."""
    states = [state for state in [model.provenance.get("git")] if isinstance(state, Mapping)]
    versions = {f"stbench.{k}": v for k, v in model.provenance.items() if isinstance(v, str | int | float)}
    return _tags(
        versions
        | _commit_tags([state for state in states if state.get("commit")])
        | {
            "mlflow.runName": f"model {shown_name(model.name)}",
            "mlflow.source.name": "stbench",
            "mlflow.note.content": model.note,
            "stbench.model": model.sha256,
        }
    )


def model_params(model: KeptModelEntry) -> dict[str, str]:
    """Parameters of a kept model."""
    return _params({**model.params, **{f"settings.{name}": v for name, v in model.settings.items()}})


def model_metrics(model: KeptModelEntry) -> dict[str, float]:
    """Numbers of a kept model; what nobody measured is left out."""
    return _numbers(model.metrics)


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {_key(name): float(value) for name, value in values.items() if value is not None}


def _params(values: Mapping[str, Any]) -> dict[str, str]:
    known = {name: value for name, value in values.items() if value not in ("", None)}
    return {_key(name): _value(value, _LONGEST_PARAM) for name, value in known.items()}


def _tags(values: Mapping[str, Any]) -> dict[str, str]:
    return {_key(name): _value(value, _LONGEST_TAG) for name, value in values.items() if value != ""}


def _key(name: str) -> str:
    """The name with only those characters that MLflow takes in names."""
    return file_name(name, _LONGEST_KEY)


def _value(value: object, longest: int) -> str:
    """The value in words; a database may refuse control characters."""
    return printable(str(value))[:longest]
