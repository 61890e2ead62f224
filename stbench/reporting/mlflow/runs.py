"""Runs in one MLflow: finding, making and completing them. The only file that speaks to MLflow.

stbench/<dataset>             an experiment for each dataset
└── <method> <variant>        a run for each leaderboard row, found again by the tag stbench.row
    └── <method> <fold> ...   a nested run for each Record, found again by stbench.key and stbench.stamp
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stbench.errors import StorageError
from stbench.files import make_folder, replacing
from stbench.record import Record
from stbench.reporting.mlflow import entries as entries
from stbench.reporting.mlflow.logged import stamp
from stbench.reporting.tables.leaderboard import build_tables

if TYPE_CHECKING:
    from mlflow.entities import Run

# Limits of one call that every MLflow server since 2.16 keeps.
_PARAMS_PER_BATCH = 100
_RUNS_PER_PAGE = 1000
_DONE = ("FINISHED", "FAILED")
# What sqlite says where a file may be whole all the same: it is in use, or there is no room or no right to write.
_PASSING = ("BUSY", "LOCKED", "FULL", "READONLY", "CANTOPEN", "IOERR", "PERM", "AUTH", "NOMEM")
_LONGEST_REASON = 220


def open_database(database: Path, artifacts: Path) -> MlflowRuns:
    """The runs in the sqlite file `database`, which is made where it is missing; files go below `artifacts`.

    Raises StorageError for a file that is there and is no whole database of this MLflow. One process at a time.
    """
    import mlflow as mlflow  # first, since an MLflow that cannot be loaded is no fault of the file

    if not database.exists():
        _make_database(database)
    try:
        return MlflowRuns(database_uri(database), artifacts)
    except Exception as error:
        if any(name in _PASSING for name in _sqlite_codes(error)):
            raise
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise StorageError(
            f"{database} is not a whole database of this MLflow ({reason[:_LONGEST_REASON]}); delete it or move it "
            "away, and the next run makes it anew and logs every result again."
        ) from error


def database_uri(database: Path) -> str:
    """MLflow's address of a sqlite file."""
    return f"sqlite:///{database.as_posix()}"


def _make_database(database: Path) -> None:
    """Make an empty database under another name, and rename it: MLflow never ends what a kill left half-made."""
    from mlflow import MlflowClient

    make_folder(database.parent)
    prefix = f".{database.name}.making-"
    for leftover in database.parent.glob(f"{prefix}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(
        prefix=prefix, dir=database.parent, ignore_cleanup_errors=True
    ) as folder:
        making = Path(folder) / database.name
        MlflowClient(tracking_uri=database_uri(making)).search_experiments(max_results=1)
        # A copy, since MLflow keeps the file open that it made, and may have pages of it in files beside it.
        with replacing(database) as whole, contextlib.closing(sqlite3.connect(making)) as made:
            made.execute("VACUUM INTO ?", (str(whole),))


def _sqlite_codes(error: BaseException | None) -> Iterator[str]:
    """The names of sqlite's codes ("BUSY", "NOTADB", ...) behind an error, without their prefix and details."""
    while error is not None:
        name = getattr(getattr(error, "orig", error), "sqlite_errorname", "")
        if name:
            yield name.removeprefix("SQLITE_").split("_")[0]
        error = error.__cause__ or error.__context__


class MlflowRuns:
    """The runs at `uri`; a database without a server keeps its files in the folder `artifacts`."""

    def __init__(self, uri: str, artifacts: Path):
        from mlflow import MlflowClient

        has_server = uri.startswith(("http:", "https:", "databricks"))
        self._artifacts = None if has_server else artifacts.as_uri()
        self._client = MlflowClient(tracking_uri=uri)

    def experiment(self, dataset: str) -> str:
        """Id of the dataset's experiment, made where it is missing."""
        name = entries.experiment_name(dataset)
        experiment = self._client.get_experiment_by_name(name)
        if experiment is not None and experiment.lifecycle_stage == "active":
            return experiment.experiment_id
        return self._client.create_experiment(name, artifact_location=self._artifacts)

    def known(self, experiment: str, row: str) -> list[Run]:
        """Every run of a row, its own and those of its Records."""
        runs: list[Run] = []
        page, token = None, None
        while page is None or token:
            page = self._client.search_runs(
                [experiment], f"tags.`stbench.row` = '{row}'", max_results=_RUNS_PER_PAGE, page_token=token
            )
            runs += page
            token = page.token
        return runs

    def row(self, experiment: str, row: str, record: Record, known: Iterable[Run]) -> str:
        """Id of the row's own run, made where it is missing."""
        found = [run.info.run_id for run in known if "stbench.key" not in run.data.tags]
        if found:
            return min(found)
        tags = entries.parent_tags(record, row)
        run = self._client.create_run(experiment, tags=tags, run_name=tags["mlflow.runName"])
        self._log_params(run.info.run_id, entries.parent_params(record))
        return run.info.run_id

    def clear_place(self, record: Record, known: Iterable[Run], ours: str | None) -> str | None:
        """Id of the whole run of exactly this Record, None where there is none.

        What a kill left unfinished and the run `ours` of an older Record of the same key are deleted. Any
        other run of the same key stays: on a shared server it is somebody else's.
        """
        for run in known:
            if run.data.tags.get("stbench.key") != record.key:
                continue
            same = run.data.tags.get("stbench.stamp") == stamp(record)
            if same and run.info.status in _DONE:
                return run.info.run_id
            if same or run.info.run_id == ours:
                self._client.delete_run(run.info.run_id)
        return None

    def start(self, record: Record, experiment: str, parent: str) -> str:
        """Id of a new run below `parent` with the Record's parameters and numbers, not yet complete."""
        from mlflow.entities import Metric

        started, ended = entries.run_times(record)
        tags = entries.child_tags(record, parent)
        run = self._client.create_run(experiment, started, tags, run_name=tags["mlflow.runName"])
        self._log_params(run.info.run_id, entries.child_params(record))
        metrics = [Metric(name, value, ended, 0) for name, value in entries.child_metrics(record).items()]
        self._client.log_batch(run.info.run_id, metrics=metrics)
        return run.info.run_id

    def keep_files(self, run: str, folder: Path) -> None:
        """Hand over every file in `folder`."""
        self._client.log_artifacts(run, str(folder))

    def complete(self, run: str, record: Record) -> None:
        """Mark a Record's run as whole."""
        status = "FINISHED" if record.finished else "FAILED"
        self._client.set_terminated(run, status, entries.run_times(record)[1])

    def update_row(self, run: str, records: Sequence[Record]) -> None:
        """Give a row's own run the means over all its Records so far; complete when every fold is."""
        from mlflow.entities import Metric, RunTag

        row = build_tables(records)[0].rows[0]
        ended = max(entries.run_times(record)[1] for record in records)
        step = sum(record.finished for record in records)
        metrics = [Metric(name, value, ended, step) for name, value in entries.parent_metrics(row).items()]
        tags = [RunTag(name, value) for name, value in entries.note_tag(row.note).items()]
        self._client.log_batch(run, metrics=metrics, tags=tags)
        if row.ranked or row.n_failed:
            self._client.set_terminated(run, "FINISHED" if row.ranked else "FAILED", ended)

    def _log_params(self, run: str, params: Mapping[str, str]) -> None:
        from mlflow.entities import Param

        batch = [Param(name, value) for name, value in params.items()]
        for start in range(0, len(batch), _PARAMS_PER_BATCH):
            self._client.log_batch(run, params=batch[start : start + _PARAMS_PER_BATCH])
