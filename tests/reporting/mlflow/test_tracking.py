"""What is logged to MLflow, once, through a real database; and what happens when it is not there."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from reporting.record_factory import GOOD, SLIDES, complete, failed, make_record

from stbench.errors import StorageError
from stbench.reporting.mlflow.tracking import MlflowTracker, shown_address

DEAD = "http://127.0.0.1:9"


def logging_process(out: Path, variant: str = "") -> subprocess.Popen[str]:
    """A process of its own that logs the Records of a complete row below `out` and prints the warning."""
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        "from pathlib import Path\n"
        "from reporting.record_factory import *\n"
        "from stbench.reporting.mlflow.tracking import MlflowTracker\n"
        f"print(MlflowTracker(Path({str(out)!r})).log(complete('spahgc', {GOOD!r}, variant={variant!r})))"
    )
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def logged_names(out: Path) -> set[str]:
    """The names of the runs in the database below `out`, read without MLflow."""
    with contextlib.closing(sqlite3.connect(out / "mlflow.db")) as database:
        return {name for (name,) in database.execute("SELECT name FROM runs")}


ROW_NAMES = {"spahgc", *(f"spahgc {slide} seed 0" for slide in SLIDES)}


def test_a_row_is_a_run_and_a_record_a_nested_one(board):
    assert board.warning is None
    parents, children = board.runs.parents(), board.runs.children()
    assert set(parents) == {"spahgc (published settings)", "egn"}
    assert set(children) == {f"spahgc {slide} seed 0" for slide in SLIDES} | {"egn B1 seed 0"}
    parent = parents["spahgc (published settings)"].info.run_id
    belong = {name for name, run in children.items() if run.data.tags["mlflow.parentRunId"] == parent}
    assert belong == {f"spahgc {slide} seed 0" for slide in SLIDES}
    assert len(board.runs.all()) == 8


def test_a_nested_run_holds_scores_costs_settings_and_times(board):
    run = board.runs.children()["spahgc C1 seed 0"]
    assert run.data.metrics["pcc"] == pytest.approx(0.6) and run.data.metrics["rmse"] == pytest.approx(0.3)
    assert run.data.metrics["fit_seconds"] == 2.0 and "flops_forward" not in run.data.metrics
    params = run.data.params
    assert (params["split"], params["fold"], params["seed"], params["variant"]) == (
        "slide",
        "C1",
        "0",
        "paper",
    )
    assert (
        params["settings.penalty"] == "100.0" and params["test_slides"] == "C1" and params["leaky"] == "False"
    )
    assert run.info.status == "FINISHED" and run.data.tags["stbench.stbench"] == "0.1.0"
    assert run.info.end_time - run.info.start_time == 2500
    assert run.info.end_time == 1767323045000  # 2026-01-02T03:04:05Z


def test_the_rows_run_holds_the_means(board):
    run = board.runs.parents()["spahgc (published settings)"]
    assert run.data.metrics["pcc"] == pytest.approx(0.4)
    assert run.data.metrics["pcc_slide_mean"] == pytest.approx(0.36)
    assert run.data.metrics["pcc_ci_low"] < 0.4 < run.data.metrics["pcc_ci_high"]
    assert run.data.metrics["n_slides"] == 5 and run.info.status == "FINISHED"
    assert run.data.params["method"] == "spahgc" and run.data.params["slides"] == ",".join(SLIDES)


def test_a_failure_is_a_failed_run_with_its_reason(board):
    run = board.runs.children()["egn B1 seed 0"]
    assert run.info.status == "FAILED" and run.data.tags["mlflow.note.content"] == "CUDA out of memory"
    parent = board.runs.parents()["egn"]
    assert parent.info.status == "FAILED" and "0 of 5 slides" in parent.data.tags["mlflow.note.content"]


def test_tables_and_maps_lie_below_the_results(board, monkeypatch):
    monkeypatch.chdir(board.out)  # from where the database's paths to files go
    run = board.runs.children()["spahgc B1 seed 0"].info.run_id
    names = {file.path for file in board.runs.client.list_artifacts(run)}
    assert names == {"genes.parquet", "maps"}
    assert [file.path for file in board.runs.client.list_artifacts(run, "maps")] == ["maps/B1.png"]
    kept = sorted((board.out / "mlartifacts").rglob("B1.png"))
    assert len(kept) == 1 and kept[0].read_bytes().startswith(b"\x89PNG")
    assert (board.out / "mlflow.db").is_file() and not Path("mlruns").exists()


def test_nothing_is_logged_twice_even_without_the_memory(board):
    before = {run.info.run_id for run in board.runs.all()}
    memory = board.out / "mlflow-logged.json"
    assert board.tracker.log(board.records, board.payload_of) is None
    memory.unlink()
    assert MlflowTracker(board.out).log(board.records, board.payload_of) is None
    assert {run.info.run_id for run in board.runs.all()} == before
    remembered = json.loads(memory.read_text())["local"]
    assert set(remembered) == {record.key for record in board.records}


def test_without_news_mlflow_is_not_even_imported(board):
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        "from pathlib import Path\n"
        "from reporting.record_factory import *\n"
        "from stbench.reporting.mlflow.tracking import MlflowTracker\n"
        f"records = complete('spahgc', {GOOD!r}, variant='paper')\n"
        f"print(MlflowTracker(Path({str(board.out)!r})).log(records), 'mlflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "None False"


def test_a_run_cut_off_by_a_kill_is_replaced(board):
    records = complete("cut", {"B1": 0.2}, table=replace(board.records[0].table, dataset="killed"))
    tracker = MlflowTracker(board.out)
    assert tracker.log(records) is None
    (run,) = board.runs.children("killed").values()
    board.runs.client.update_run(run.info.run_id, status="RUNNING")
    (board.out / "mlflow-logged.json").unlink()
    assert MlflowTracker(board.out).log(records) is None
    (again,) = board.runs.children("killed").values()
    assert again.info.status == "FINISHED" and again.info.run_id != run.info.run_id
    assert len(board.runs.parents("killed")) == 1


def test_a_retried_job_replaces_its_failure_and_updates_the_row(board):
    table = replace(board.records[0].table, dataset="retried", slides=("B1",))
    good = make_record("egn", "B1", 0.25, table=table)
    bad = failed(replace(good, provenance={"finished_at": "2026-01-01T00:00:00Z"}), "out of memory")
    tracker = MlflowTracker(board.out)
    tracker.log([bad])
    assert board.runs.parents("retried")["egn"].info.status == "FAILED"
    assert tracker.log([good]) is None
    (run,) = board.runs.children("retried").values()
    assert run.info.status == "FINISHED" and run.data.metrics["pcc"] == 0.25
    parent = board.runs.parents("retried")["egn"]
    assert parent.info.status == "FINISHED" and parent.data.metrics["pcc"] == 0.25


def test_somebody_elses_run_of_the_same_job_stays(board, tmp_path):
    table = replace(board.records[0].table, dataset="shared")
    mine = make_record("ridge", "B1", table=table)
    yours = replace(mine, provenance={"finished_at": "2026-05-05T05:05:05Z"})
    assert MlflowTracker(board.out, board.tracker.uri).log([mine]) is None
    assert MlflowTracker(tmp_path, board.tracker.uri).log([yours]) is None
    stamps = {
        run.data.tags["stbench.stamp"] for run in board.runs.all("shared") if "stbench.key" in run.data.tags
    }
    assert stamps == {"2026-01-02T03:04:05Z finished", "2026-05-05T05:05:05Z finished"}


def test_arrays_that_are_gone_cost_the_maps_and_not_the_numbers(board):
    def gone(record):
        raise StorageError("B1.npz cannot be read.")

    records = complete("mapless", {"B1": 0.2}, table=replace(board.records[0].table, dataset="mapless"))
    warning = MlflowTracker(board.out).log(records, gone)
    assert warning is not None and "B1.npz cannot be read" in warning and "numbers" in warning
    (run,) = board.runs.children("mapless").values()
    assert run.info.status == "FINISHED" and run.data.metrics["pcc"] == 0.2


def test_artifacts_that_cannot_be_kept_cost_the_maps_and_not_the_numbers(board):
    table = replace(board.records[0].table, dataset="nowhere")
    in_the_way = board.out / "in-the-way"
    in_the_way.write_text("a file, not a folder")
    board.runs.client.create_experiment("stbench/nowhere", artifact_location=(in_the_way / "x").as_uri())
    warning = MlflowTracker(board.out).log(complete("ridge", GOOD, table=table))
    assert warning is not None and "not every table and map" in warning
    assert [run.info.status for run in board.runs.children("nowhere").values()] == ["FINISHED"] * 5


def test_logging_leaves_output_loggers_and_environment_alone(board, capfd, monkeypatch):
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_TIMEOUT", raising=False)
    root, handler = logging.getLogger(), logging.StreamHandler()
    monkeypatch.setattr(root, "handlers", [*root.handlers, handler])
    monkeypatch.setattr(root, "level", logging.INFO)
    before = (list(root.handlers), root.level, logging.getLogger("alembic").level)
    records = complete("quiet", GOOD, table=replace(board.records[0].table, dataset="quiet"))
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        "from pathlib import Path\n"
        "import logging; logging.basicConfig(level=logging.INFO)\n"
        "from reporting.record_factory import *\n"
        "from stbench.reporting.mlflow.tracking import MlflowTracker\n"
        f"MlflowTracker(Path({str(board.out)!r})).log(complete('loud', {GOOD!r}))"
    )
    assert MlflowTracker(board.out).log(records) is None
    subprocess.run([sys.executable, "-c", code], check=True)
    assert capfd.readouterr() == ("", "")
    assert (list(root.handlers), root.level, logging.getLogger("alembic").level) == before
    assert "MLFLOW_HTTP_REQUEST_TIMEOUT" not in os.environ


def test_a_dead_server_is_one_quick_sentence(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", DEAD)
    tracker = MlflowTracker(tmp_path)
    started = time.perf_counter()
    warning = tracker.log(complete("spahgc", GOOD))
    assert warning is not None and DEAD in warning and "results are safe" in warning and "\n" not in warning
    assert tracker.log(complete("spahgc", GOOD)) is None
    assert time.perf_counter() - started < 20
    assert not (tmp_path / "mlflow-logged.json").exists() and not (tmp_path / "mlflow.db").exists()
    assert capfd.readouterr() == ("", "")


def test_a_server_that_never_answers_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        started = time.perf_counter()
        warning = MlflowTracker(tmp_path, uri).log(complete("spahgc", GOOD))
        assert time.perf_counter() - started < 15
    assert warning is not None and uri in warning


def test_a_password_in_the_address_is_neither_printed_nor_written(tmp_path):
    tracker = MlflowTracker(tmp_path, "http://me:secret@127.0.0.1:9")
    warning = tracker.log(complete("spahgc", GOOD))
    assert tracker.name == DEAD and warning is not None and "secret" not in warning


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://me:secret@127.0.0.1:9/mlflow?token=secret#secret", "http://127.0.0.1:9/mlflow"),
        ("http://me:sec/ret@127.0.0.1:9", "http://127.0.0.1:9"),
        ("http://secret@127.0.0.1:9?a=me@home", "http://127.0.0.1:9"),
        ("postgresql://me:p%40secret@[::1]:5432/runs?password=secret", "postgresql://[::1]:5432/runs"),
        ("me:secret@server:5000", "server:5000"),
        ("sqlite:////home/me@work/mlflow.db", "sqlite:////home/me@work/mlflow.db"),
        ("http://127.0.0.1:9/a@b", "http://127.0.0.1:9/a@b"),
        ("databricks", "databricks"),
    ],
)
def test_an_address_is_shown_without_user_password_and_query(tmp_path, uri, shown):
    assert shown_address(uri) == shown
    assert MlflowTracker(tmp_path, uri).name == shown


@pytest.mark.parametrize(
    "uri", ["http://me:secret@127.0.0.1:9/", "http://127.0.0.1:9/?token=secret&user=me%20too"]
)
def test_no_warning_shows_what_an_address_keeps_to_itself(tmp_path, uri):
    warning = MlflowTracker(tmp_path, uri).log(complete("spahgc", GOOD))
    assert warning is not None and DEAD in warning
    assert "secret" not in warning and "me%20too" not in warning and "me too" not in warning


def test_a_broken_database_is_one_sentence(tmp_path):
    (tmp_path / "mlflow.db").write_text("this is no database " * 100)
    warning = MlflowTracker(tmp_path).log(complete("spahgc", GOOD))
    assert warning is not None and "did not get" in warning and str(tmp_path) in warning


@pytest.mark.acceptance
def test_a_kill_while_the_database_is_made_breaks_nothing(tmp_path, cache):
    killed = logging_process(tmp_path)
    limit = time.monotonic() + 60
    while killed.poll() is None and time.monotonic() < limit:
        with contextlib.suppress(FileNotFoundError):
            # Its tables are there by then, some of its migrations are not.
            if any(path.stat().st_size > 200_000 for path in tmp_path.rglob("*.db")):
                break
        time.sleep(0.01)
    killed.kill()
    killed.communicate()
    assert killed.returncode == -9
    again = logging_process(tmp_path)
    assert again.communicate()[0].strip() == "None"
    assert logged_names(tmp_path) == ROW_NAMES
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".mlflow")]


@pytest.mark.acceptance
def test_two_processes_that_make_the_database_at_once_both_log(tmp_path, cache):
    both = [logging_process(tmp_path), logging_process(tmp_path)]
    assert [process.communicate()[0].strip() for process in both] == ["None", "None"]
    assert logged_names(tmp_path) == ROW_NAMES


@pytest.mark.parametrize("content", ["no database", "half of one"])
def test_a_database_that_is_not_whole_is_named_with_what_to_do(logged, content):
    database = logged / "mlflow.db"
    if content == "no database":
        database.write_text("this is no database " * 100)
    else:
        with contextlib.closing(sqlite3.connect(database)) as opened:
            opened.execute("UPDATE alembic_version SET version_num = '451aebb31d03'")  # an early migration
            opened.commit()
    more = make_record("new", "B1")
    warning = MlflowTracker(logged).log([*complete("spahgc", GOOD), more])
    assert warning is not None and "\n" not in warning
    assert f"{database} is not a whole database" in warning and "delete it or move it" in warning
    assert f"All results are safe in {logged}" in warning


def test_after_a_database_was_moved_away_all_is_logged_anew(logged):
    shutil.move(logged / "mlflow.db", logged / "set-aside.db")
    assert logging_process(logged, "paper").communicate()[0].strip() == "None"
    assert logged_names(logged) == (ROW_NAMES - {"spahgc"}) | {"spahgc (published settings)"}


def test_a_database_in_use_is_not_called_broken(logged):
    with contextlib.closing(sqlite3.connect(logged / "mlflow.db")) as somebody:
        somebody.execute("BEGIN EXCLUSIVE")
        warning = MlflowTracker(logged).log([make_record("new", "B1")])
    assert warning is not None and "did not get" in warning and "delete" not in warning


def test_a_missing_mlflow_is_one_sentence_said_once(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    tracker = MlflowTracker(tmp_path)
    assert tracker.log(complete("spahgc", GOOD)) == (
        "Logging to MLflow needs the package mlflow, which is not installed: pip install mlflow. "
        f"All results are safe in {tmp_path}; the next run logs what is missing."
    )
    assert tracker.log(complete("spahgc", GOOD)) is None
    assert not (tmp_path / "mlflow.db").exists()


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    warning = MlflowTracker(tmp_path / "file").log(complete("spahgc", GOOD))
    assert warning is not None and "Cannot write" in warning
