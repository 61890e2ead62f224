"""MLflow being down costs a warning and nothing else; the next run logs what it missed."""

from __future__ import annotations

from pathlib import Path

import pytest
from plugins import slides
from plugins.command import NO_SERVER, records, stbench


def test_what_a_server_that_is_down_misses_is_logged_later(
    tmp_path: Path, shared_cache: Path, monkeypatch: pytest.MonkeyPatch
):
    from stbench import registry

    monkeypatch.setattr(registry, "floor_methods", lambda: ["mean"])
    root, out = slides.write_slides(tmp_path / "data", ("A1", "B1", "C1")), tmp_path / "out"
    where = ("--dataset", "her2", "--data-root", root, "--out", out)
    command = ("run", "--method", "mean", *where, "--inner", "none")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", NO_SERVER)
    down = stbench(*command, "--threads", 1)
    assert down.status == 0
    (warning,) = [line for line in down.err.splitlines() if line.startswith("warning: ")]
    assert NO_SERVER in warning
    assert "the next run logs what is missing" in warning
    assert f"MLflow: {NO_SERVER}" in down.err
    kept = records(out)
    assert len(kept) == 3
    assert "mean" in down.out

    server = f"sqlite:///{tmp_path}/server.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    up = stbench(*command, "--threads", 1, "--json")
    assert up.status == 0
    assert "warning" not in up.err
    assert records(out) == kept
    assert up.document["tables"], "MLflow's own words stay off standard output"

    from mlflow import MlflowClient

    client = MlflowClient(server)
    (experiment,) = [e for e in client.search_experiments() if "her2" in e.name]
    runs = client.search_runs([experiment.experiment_id])
    folds = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    assert len(folds) == 3
