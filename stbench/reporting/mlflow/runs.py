"""Runs in one MLflow: finding, making and completing them. Besides database.py the only file that speaks to MLflow.

stbench/<dataset>             an experiment for each dataset
├── <method> (<preset>)       a run for each leaderboard row, found again by the tag stbench.row, whatever its name
│   └── <method> <fold> ...   a nested run for each Record, found again by stbench.key and stbench.stamp
└── model <method> ...        a run for each model that `stbench fit` kept, found again by stbench.model
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stbench.record import Record
from stbench.reporting.mlflow import entries as entries
from stbench.reporting.mlflow.curves import CurvePoint, curve_points
from stbench.reporting.mlflow.database import (
    DATABASE,
    FILES,
    folder_of_database,
    make_paths_relative,
    open_database,
)
from stbench.reporting.mlflow.inputs import Slides, slides_of_record, slides_of_table
from stbench.reporting.mlflow.kept_model import KeptModelEntry
from stbench.reporting.mlflow.logged import stamp
from stbench.reporting.tables.leaderboard import build_tables
from stbench.reporting.tables.row import Row

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput, Run

# Limits of one call that every MLflow server since 2.16 keeps.
_PARAMS_PER_BATCH = 100
_METRICS_PER_BATCH = 1000
_RUNS_PER_PAGE = 1000
_DONE = ("FINISHED", "FAILED")


class MlflowRuns:
    """The runs at `uri`, or in the database of the results folder `home`.

    A database that is neither keeps its files in `home` too.
    """

    def __init__(self, home: Path, uri: str | None = None):
        from mlflow import MlflowClient

        self.home = home
        self._database = None if uri else home / DATABASE
        # Paths of a database's files go from its own folder, also where it is another's than `home`.
        self._folder = home if uri is None else folder_of_database(uri)
        self._has_server = (uri or "").startswith(("http:", "https:", "databricks"))
        self._client = open_database(home / DATABASE) if uri is None else MlflowClient(tracking_uri=uri)

    def experiment(self, dataset: str) -> str:
        """Id of the dataset's experiment, made where it is missing."""
        name = entries.experiment_name(dataset)
        experiment = self._client.get_experiment_by_name(name)
        if experiment is not None and experiment.lifecycle_stage == "active":
            return experiment.experiment_id
        files = None if self._has_server else (self.home / FILES).as_uri()
        made = self._client.create_experiment(name, artifact_location=files)
        if self._database is not None:
            make_paths_relative(self._database)
        return made

    def known(self, experiment: str, row: str) -> list[Run]:
        """Every run of a row, its own and those of its Records."""
        return self._found(experiment, f"tags.`stbench.row` = '{row}'")

    def _found(self, experiment: str, which: str) -> list[Run]:
        runs: list[Run] = []
        page, token = None, None
        while page is None or token:
            page = self._client.search_runs([experiment], which, max_results=_RUNS_PER_PAGE, page_token=token)
            runs += page
            token = page.token
        return runs

    def row_there(self, experiment: str, row: str) -> str | None:
        """Id of a row's own run, None where there is none."""
        return own_run(self.known(experiment, row))

    def row(self, experiment: str, row: str, records: Sequence[Record], known: Iterable[Run]) -> str:
        """Id of the own run of a row with these Records, made where it is missing."""
        found = own_run(known)
        if found:
            return found
        tags = entries.parent_tags(_as_tabled(records), row)
        started = min(entries.run_times(record)[0] for record in records)
        run = self._client.create_run(experiment, started, tags, run_name=tags["mlflow.runName"])
        self._log_params(run.info.run_id, entries.parent_params(records[0]))
        self._log_inputs(run.info.run_id, slides_of_table(records))
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
        """Id of a new run below `parent` with all of the Record but its files, not yet complete."""
        started, ended = entries.run_times(record)
        tags = entries.child_tags(record, parent)
        run = self._client.create_run(experiment, started, tags, run_name=tags["mlflow.runName"])
        points = [CurvePoint(name, 0, value) for name, value in entries.child_metrics(record).items()]
        self._log_params(run.info.run_id, entries.child_params(record))
        self._log_metrics(run.info.run_id, [*points, *curve_points(record.curves)], ended)
        self._log_inputs(run.info.run_id, slides_of_record(record))
        return run.info.run_id

    def keep_files(self, run: str, files: Path) -> None:
        """Hand over a file, or every file in a folder."""
        place = self._folder_of(run)
        if place is None:
            hand_over = self._client.log_artifacts if files.is_dir() else self._client.log_artifact
            hand_over(run, str(files))
        elif files.is_dir():
            shutil.copytree(files, place, dirs_exist_ok=True)
        else:
            place.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(files, place / files.name)

    def share_file(self, run: str, name: str, others: Iterable[str]) -> None:
        """Have a file of a run lie with other runs too: one file on this disk; a server keeps the one that it has."""
        place = self._folder_of(run)
        for other in others:
            to = self._folder_of(other)
            if place is not None and to is not None:
                to.mkdir(parents=True, exist_ok=True)
                (to / name).unlink(missing_ok=True)
                try:
                    os.link(place / name, to / name)
                except OSError:  # a disk without links
                    shutil.copyfile(place / name, to / name)

    def _folder_of(self, run: str) -> Path | None:
        """Where the files of a run lie whose paths go from its database's folder; None where MLflow has to be asked."""
        place = self._client.get_run(run).info.artifact_uri or ""
        return self._folder / place if self._folder is not None and place.startswith(f"{FILES}/") else None

    def complete(self, run: str, record: Record) -> None:
        """Mark a Record's run as whole."""
        status = "FINISHED" if record.finished else "FAILED"
        self._client.set_terminated(run, status, entries.run_times(record)[1])

    def update_row(self, run: str, records: Sequence[Record]) -> None:
        """Give a row's own run the means over all its Records so far; complete when every fold is.

        Its duration is the sum of theirs: it begins with the first of them and ends so many seconds later.
        """
        from mlflow.entities import RunTag

        row = _as_tabled(records)
        finished = [record for record in records if record.finished]
        ended = self._client.get_run(run).info.start_time + sum(map(entries.milliseconds, records))
        metrics = entries.parent_metrics(row) | {"seconds": sum(map(entries.milliseconds, records)) / 1000}
        points = [CurvePoint(name, len(finished), value) for name, value in metrics.items()]
        tags = entries.row_tags(row, records)
        self._log_metrics(run, points, ended)
        self._client.log_batch(run, tags=[RunTag(name, value) for name, value in tags.items()])
        whole = len(finished) == max(r.n_folds for r in records) * len({r.seed for r in records})
        if whole or row.n_failed:
            self._client.set_terminated(run, "FINISHED" if whole else "FAILED", ended)

    def keep_model(self, experiment: str, model: KeptModelEntry) -> None:
        """A run for a model file, unless there is a whole one of these very bytes; others are deleted."""
        there = self._found(experiment, f"tags.`stbench.model` = '{model.sha256}'")
        if any(run.info.status in _DONE for run in there):
            return
        for run in there:  # whose file never came
            self._client.delete_run(run.info.run_id)
        tags = entries.model_tags(model)
        run = self._client.create_run(experiment, model.started, tags, run_name=tags["mlflow.runName"])
        self._log_params(run.info.run_id, entries.model_params(model))
        points = [CurvePoint(name, 0, value) for name, value in entries.model_metrics(model).items()]
        self._log_metrics(run.info.run_id, [*points, *curve_points(model.curves)], model.ended)
        self._log_inputs(run.info.run_id, [model.slides])
        self.keep_files(run.info.run_id, model.file)
        self._client.set_terminated(run.info.run_id, "FINISHED", model.ended)

    def _log_params(self, run: str, params: Mapping[str, str]) -> None:
        from mlflow.entities import Param

        for batch in _batches([Param(name, value) for name, value in params.items()], _PARAMS_PER_BATCH):
            self._client.log_batch(run, params=batch)

    def _log_metrics(self, run: str, points: Iterable[CurvePoint], at: int) -> None:
        from mlflow.entities import Metric

        metrics = [Metric(point.name, point.value, at, point.step) for point in points]
        for batch in _batches(metrics, _METRICS_PER_BATCH):
            self._client.log_batch(run, metrics=batch)

    def _log_inputs(self, run: str, slides: Iterable[Slides]) -> None:
        self._client.log_inputs(run, [_input(one) for one in slides])


def own_run(known: Iterable[Run]) -> str | None:
    """Id of the run of a row itself among those that `known` gave, None where there is none."""
    return min((run.info.run_id for run in known if "stbench.key" not in run.data.tags), default=None)


def _as_tabled(records: Sequence[Record]) -> Row:
    """The one row that these Records are in a table."""
    return build_tables(records)[0].rows[0]


def _input(slides: Slides) -> DatasetInput:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    dataset = Dataset(slides.name, slides.digest, "code", slides.source, profile=slides.profile)
    return DatasetInput(dataset, [InputTag("mlflow.data.context", slides.context)])


def _batches(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))
