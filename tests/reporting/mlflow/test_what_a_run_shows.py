"""What somebody who opens MLflow finds: curves by step, slides, the commit, durations, tables, a report, a model."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient
from reporting.record_factory import GOOD, SLIDES, complete, make_record

from stbench.reporting.mlflow.inputs import named_slides
from stbench.reporting.mlflow.kept_model import KeptModelEntry
from stbench.reporting.mlflow.tracking import MlflowTracker
from stbench.reporting.tables.leaderboard import build_tables


def steps(board, run: str, metric: str) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in board.runs.client.get_metric_history(run, metric)]


def test_curves_stand_by_epoch(board):
    run = board.runs.children()["spahgc C1 seed 0"].info.run_id
    assert steps(board, run, "training_loss") == [(1, 3.0), (5, 2.0), (9, 1.5)]
    assert steps(board, run, "inner_pcc") == [(1, 0.1), (9, 0.3)]


def test_a_run_names_the_slides_that_it_trained_and_tested_on(board):
    run = board.runs.children()["spahgc C1 seed 0"]
    inputs = {one.tags[0].value: one.dataset for one in run.inputs.dataset_inputs}
    assert {context: json.loads(one.profile)["slides"] for context, one in inputs.items()} == {
        "training": [slide for slide in SLIDES if slide != "C1"],
        "testing": ["C1"],
    }
    assert {one.name for one in inputs.values()} == {"her2"}
    assert len({one.digest for one in inputs.values()}) == 2
    (whole,) = board.runs.parents()["spahgc (published settings)"].inputs.dataset_inputs
    assert json.loads(whole.dataset.profile) == {"n_slides": 5, "slides": list(SLIDES)}
    assert json.loads(whole.dataset.source)["tags"]["stbench.data"] == "d" * 16


def test_mlflow_can_tell_the_source_of_the_slides(board):
    import mlflow.data

    run = board.runs.children()["spahgc C1 seed 0"]
    source = mlflow.data.get_source(run.inputs.dataset_inputs[0])
    assert source.to_dict()["tags"]["stbench.dataset"] == "her2"


def test_the_commit_is_the_runs_source(board):
    for run in (
        board.runs.children()["spahgc C1 seed 0"],
        board.runs.parents()["spahgc (published settings)"],
    ):
        assert run.data.tags["mlflow.source.git.commit"] == "c0ffee" * 6
        assert run.data.tags["stbench.uncommitted_changes"] == "True"
    assert "mlflow.source.git.commit" not in board.runs.parents()["egn"].data.tags


def test_a_rows_run_lasts_as_long_as_its_records_together(board):
    children = [run for name, run in board.runs.children().items() if name.startswith("spahgc")]
    parent = board.runs.parents()["spahgc (published settings)"]
    lasted = [run.info.end_time - run.info.start_time for run in children]
    assert lasted == [2500] * 5
    assert parent.info.end_time - parent.info.start_time == sum(lasted)
    assert parent.data.metrics["seconds"] == 12.5 and children[0].data.metrics["seconds"] == 2.5


def test_the_inner_loops_seconds_which_folds_share_are_in_no_duration(board, logged):
    table = replace(board.records[0].table, dataset="tuned")
    tuned = make_record("ridge", "B1", table=table)
    tuned = replace(tuned, cost={**tuned.cost, "tuning_seconds": 100.0})
    assert MlflowTracker(logged).log([tuned]) is None
    (run,) = _runs(client_of(logged), "tuned", nested=True)
    assert run.info.end_time - run.info.start_time == 2500 and run.data.metrics["tuning_seconds"] == 100


def test_a_folder_that_was_moved_still_has_its_files(board, tmp_path, monkeypatch):
    moved = tmp_path / "elsewhere" / "results"
    shutil.copytree(board.out, moved)
    monkeypatch.chdir(moved)
    client = client_of(moved)
    run = board.runs.children()["spahgc B1 seed 0"].info.run_id
    read = Path(client.download_artifacts(run, "maps/B1.png", str(tmp_path)))
    assert read.read_bytes().startswith(b"\x89PNG")
    with closing(sqlite3.connect("mlflow.db")) as database:
        places = [p for (p,) in database.execute("SELECT artifact_uri FROM runs")]
        places += [p for (p,) in database.execute("SELECT artifact_location FROM experiments")]
    assert all(place.startswith("mlartifacts") for place in places)


def test_a_folder_that_an_older_version_wrote_finds_its_files_again(board, tmp_path, monkeypatch):
    moved, run = tmp_path / "old", board.runs.children()["spahgc B1 seed 0"].info.run_id
    shutil.copytree(board.out, moved)
    with closing(sqlite3.connect(moved / "mlflow.db")) as database, database:
        database.execute("UPDATE runs SET artifact_uri = 'file:///gone/mlartifacts/runs/' || artifact_uri")
        database.execute(
            "UPDATE experiments SET artifact_location = 'file:///gone/mlartifacts/runs/mlartifacts'"
        )
    assert MlflowTracker(moved).log([*board.records, make_record("new", "B1")]) is None
    monkeypatch.chdir(moved)
    client = client_of(moved)
    assert {file.path for file in client.list_artifacts(run)} == {"genes.parquet", "maps"}
    assert [e.artifact_location for e in client.search_experiments() if e.name == "stbench/her2"] == [
        "mlartifacts"
    ]


@pytest.fixture
def tabled(logged, board, monkeypatch):
    """Two rows of one table, logged as at the end of a run; the folder is the working folder."""
    table = replace(board.records[0].table, dataset="tabled")
    records = [*complete("ridge", GOOD, table=table), *complete("knn", dict.fromkeys(GOOD, 0.1), table=table)]
    tracker = MlflowTracker(logged)
    assert tracker.log(records[:5]) is None  # while the run goes on, as often as a person looks
    assert tracker.log(records, None, lambda: build_tables(records)) is None
    monkeypatch.chdir(logged)
    client = client_of(logged)
    return (
        records,
        client,
        {run.info.run_name: run.info.run_id for run in _runs(client, "tabled", nested=False)},
    )


def test_the_table_lies_with_every_row_of_it(tabled, tmp_path):
    _, client, rows = tabled
    assert set(rows) == {"ridge", "knn"}
    for run in rows.values():
        assert {file.path for file in client.list_artifacts(run)} == {"leaderboard.md", "leaderboard.csv"}
        text = Path(client.download_artifacts(run, "leaderboard.csv")).read_text()
        assert [line.split(",")[0] for line in text.splitlines()] == ["label", "ridge", "knn", "ceiling"]


def test_tables_are_written_again_only_where_something_is_new(tabled, logged):
    records, *_ = tabled
    asked = []
    tables = lambda: asked.append(1) or build_tables(records)  # noqa: E731
    assert MlflowTracker(logged).log(records, None, tables) is None
    assert asked == []
    more = [*records, make_record("smooth", "B1", table=records[0].table)]
    assert MlflowTracker(logged).log(more) is None  # killed before its end
    assert MlflowTracker(logged).log(more, None, tables) is None
    assert asked == [1]


def test_a_report_lies_with_every_row_that_was_logged(tabled, logged, tmp_path):
    records, client, rows = tabled
    strangers = [
        replace(record, key=f"x{record.key}", row=replace(record.row, method="other")) for record in records
    ]
    page = tmp_path / "index.html"
    page.write_text("<p>first</p>")
    assert MlflowTracker(logged).log_report(page, build_tables([*records, *strangers])) is None
    page.write_text("<p>second</p>")
    assert MlflowTracker(logged).log_report(page, build_tables(records)) is None
    for run in rows.values():
        assert Path(client.download_artifacts(run, "report.html")).read_text() == "<p>second</p>"
    assert {run.info.run_name for run in _runs(client, "tabled", nested=False)} == {"ridge", "knn"}


def test_files_go_into_the_folder_of_a_database_that_was_made_for_another(logged, tmp_path, monkeypatch):
    other, here = tmp_path / "other runs", tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    record = make_record("lent", "B1")
    assert MlflowTracker(other, f"sqlite:///{logged}/mlflow.db").log([record]) is None
    assert list(here.iterdir()) == []  # where relative paths would lead that MLflow itself follows
    monkeypatch.chdir(logged)
    client = client_of(logged)
    (run,) = [run for run in _runs(client, "her2", nested=True) if run.info.run_name.startswith("lent")]
    assert (logged / run.info.artifact_uri).is_dir() and client.list_artifacts(run.info.run_id)


def test_a_report_of_results_that_were_never_logged_asks_nobody(tmp_path):
    tracker = MlflowTracker(tmp_path, "http://127.0.0.1:9")
    assert tracker.log_report(tmp_path / "index.html", build_tables(complete("ridge", GOOD))) is None


def test_a_kept_model_lies_in_a_run_of_its_own_once(logged, tmp_path, monkeypatch):
    file = tmp_path / "ridge.stbench"
    file.write_bytes(b"weights")
    entry = KeptModelEntry(
        file=file,
        sha256="a" * 64,
        name="ridge",
        dataset="her2",
        slides=named_slides("her2", "d" * 16, SLIDES, "training"),
        params={"method": "ridge", "n_genes": 3, "variant": ""},
        settings={"penalty": 100.0},
        metrics={"fit_seconds": 2.0, "parameters_total": 12, "flops": None},
        provenance={"git": {"commit": "beef", "changed": False}, "device": "cpu"},
        note="under the data set's terms",
        started=1_000,
        ended=3_000,
        curves={"training_loss": {"epochs": [1, 2], "values": [2.0, 1.0], "n_points": 2}},
    )
    missing = replace(entry, file=tmp_path / "gone.stbench")
    assert "The model is safe in" in (
        MlflowTracker(logged).log_model(missing) or ""
    )  # a run without its file
    assert MlflowTracker(logged).log_model(entry) is None
    assert MlflowTracker(logged).log_model(entry) is None
    monkeypatch.chdir(logged)
    client = client_of(logged)
    (run,) = [run for run in _runs(client, "her2", nested=False) if run.info.run_name == "model ridge"]
    assert Path(client.download_artifacts(run.info.run_id, "ridge.stbench")).read_bytes() == b"weights"
    assert run.data.params == {"method": "ridge", "n_genes": "3", "settings.penalty": "100.0"}
    assert run.data.metrics == {"fit_seconds": 2.0, "parameters_total": 12.0, "training_loss": 1.0}
    assert (
        run.data.tags["mlflow.source.git.commit"] == "beef"
        and run.info.end_time - run.info.start_time == 2_000
    )
    assert json.loads(run.inputs.dataset_inputs[0].dataset.profile)["slides"] == list(SLIDES)


def test_a_model_is_kept_whatever_becomes_of_mlflow(tmp_path):
    slides = named_slides("her2", "d", SLIDES, "training")
    entry = KeptModelEntry(tmp_path / "m", "a", "ridge", "her2", slides, {}, {}, {}, {}, "", 0, 1)
    warning = MlflowTracker(tmp_path, "http://127.0.0.1:9").log_model(entry)
    assert warning is not None and f"The model is safe in {tmp_path / 'm'}" in warning


def test_rows_that_nobody_fitted_here_are_logged_whole(board, logged, monkeypatch):
    table = replace(board.records[0].table, dataset="elsewhere", inner="none", checkpoints="")
    outside = complete("theirs", GOOD, table=table, kind="external", cost={}, settings={})
    seen = {"method": "ridge", "model": "a" * 64, "trained_on": "demo"}
    released = [
        replace(record, cost={"n_spots_predicted": 10}, released={**seen, "seen": {record.fold: "yes"}})
        for record in complete("ridge", GOOD, table=table, kind="released", variant="demo a1b2")
    ]
    records = [*outside, *released]
    assert MlflowTracker(logged).log(records, None, lambda: build_tables(records)) is None
    client = client_of(logged)
    parents = {run.info.run_name: run for run in _runs(client, "elsewhere", nested=False)}
    assert set(parents) == {"theirs", "ridge (demo a1b2)"}
    for run in parents.values():
        assert run.info.status == "FINISHED" and run.data.metrics["pcc"] == pytest.approx(0.4)
        assert run.info.end_time == run.info.start_time and "fit_seconds" not in run.data.metrics
    assert parents["ridge (demo a1b2)"].data.params["kind"] == "released"
    assert parents["ridge (demo a1b2)"].data.params["released.model"] == "a" * 64
    assert "SAW TEST SLIDES" in parents["ridge (demo a1b2)"].data.tags["mlflow.note.content"]
    assert len(list(_runs(client, "elsewhere", nested=True))) == 10


@pytest.mark.parametrize("remembered", [True, False])
def test_a_row_that_was_logged_under_its_old_name_goes_on_in_its_run(board, logged, remembered):
    table = replace(board.records[0].table, dataset="before")
    records = complete("egn", GOOD, table=table, variant="paper")
    assert MlflowTracker(logged).log(records[:2]) is None
    client = client_of(logged)
    (before,) = _runs(client, "before", nested=False)
    client.update_run(before.info.run_id, name="egn paper")  # as versions before called it
    if not remembered:
        (logged / "mlflow-logged.json").unlink()
    assert MlflowTracker(logged).log(records) is None
    (after,) = _runs(client, "before", nested=False)
    assert after.info.run_id == before.info.run_id and after.info.status == "FINISHED"
    children = _runs(client, "before", nested=True)
    assert len(children) == 5
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {before.info.run_id}


def test_a_row_of_generated_tissue_says_so_before_anything_else(board, logged):
    table = replace(board.records[0].table, dataset="generated")
    records = complete("ridge", GOOD, table=table)[
        :3
    ]  # of which MLflow has to say more: not all slides are there
    records = [replace(one, provenance={**one.provenance, "synthetic": True}) for one in records]
    assert MlflowTracker(logged).log(records) is None
    (run,) = _runs(client_of(logged), "generated", nested=False)
    assert run.data.tags["stbench.synthetic"] == "True"
    note = run.data.tags["mlflow.note.content"]
    assert note.startswith("SYNTHETIC tissue: it shows nothing about patients") and "3 of 5 slides" in note
    real = board.runs.parents()["spahgc (published settings)"].data.tags
    assert real["stbench.synthetic"] == "False" and "SYNTHETIC" not in real.get("mlflow.note.content", "")


def client_of(folder: Path) -> MlflowClient:
    """MLflow on a folder's database: by its whole path, since MLflow remembers databases by what they are called."""
    return MlflowClient(f"sqlite:///{folder}/mlflow.db")


def _runs(client: MlflowClient, dataset: str, nested: bool):
    experiment = client.get_experiment_by_name(f"stbench/{dataset}")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id])
    return [run for run in found if ("mlflow.parentRunId" in run.data.tags) == nested]
