"""A results folder with a database of MLflow, one a file: tests add to it what others would find there."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from reporting.record_factory import GOOD, complete, failed, make_record, with_arrays

from stbench.record import Record
from stbench.reporting.mlflow.artifacts import Payload
from stbench.reporting.mlflow.tracking import MlflowTracker

CURVES = {
    "training_loss": {"epochs": [1, 5, 9], "values": [3.0, 2.0, 1.5], "n_points": 9},
    "inner_pcc": {"epochs": [1, 4, 9], "values": [0.1, None, 0.3], "n_points": 3},
}


@pytest.fixture(autouse=True)
def _shared(shared_cache):
    """The cache in which an empty database lies."""


@pytest.fixture(scope="module")
def board(tmp_path_factory, cache_of_the_session):
    """A results folder whose name has a space, with a complete and a failing row logged to its own database."""
    out = tmp_path_factory.mktemp("mlflow") / "my runs"
    records = [_as_run(record) for record in complete("spahgc", GOOD, variant="paper")]
    records.append(failed(make_record("egn", "B1"), "CUDA out of memory"))
    tracker = MlflowTracker(out)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STBENCH_CACHE", str(cache_of_the_session))
        warning = tracker.log(records, payload_of)
    return SimpleNamespace(
        out=out,
        records=records,
        tracker=tracker,
        warning=warning,
        runs=Runs(tracker.uri),
        payload_of=payload_of,
    )


def _as_run(record: Record) -> Record:
    """The Record as a run leaves it: with curves, the commit of the code, and of one slide arrays, to draw maps of."""
    provenance = {**record.provenance, "git": {"commit": "c0ffee" * 6, "changed": True}}
    whole = with_arrays(record) if record.fold == "B1" else record
    return replace(whole, curves=CURVES, provenance=provenance)


def payload_of(record: Record) -> Payload:
    return Payload(record.predictions, record.truths)


@pytest.fixture
def logged(board, tmp_path: Path) -> Path:
    """A folder of this test's own with a copy of that database, and of what is remembered."""
    for name in ("mlflow.db", "mlflow-logged.json"):
        shutil.copy(board.out / name, tmp_path)
    return tmp_path


class Runs:
    """Reads the database as any MLflow user would."""

    def __init__(self, uri: str):
        from mlflow import MlflowClient

        self.client = MlflowClient(tracking_uri=uri)

    def experiment(self, dataset="her2"):
        experiment = self.client.get_experiment_by_name(f"stbench/{dataset}")
        assert experiment is not None
        return experiment

    def all(self, dataset="her2", filter_string=""):
        return list(self.client.search_runs([self.experiment(dataset).experiment_id], filter_string))

    def parents(self, dataset="her2"):
        return {r.info.run_name: r for r in self.all(dataset) if "mlflow.parentRunId" not in r.data.tags}

    def children(self, dataset="her2"):
        return {r.info.run_name: r for r in self.all(dataset) if "mlflow.parentRunId" in r.data.tags}
