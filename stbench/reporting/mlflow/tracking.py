"""Records logged to MLflow, which is where people look; the store on disk stays the truth.

MLflow being down or broken loses nothing: one sentence says so, and the next run logs what is missing.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from stbench.errors import StbenchError
from stbench.files import locked
from stbench.record import Record
from stbench.reporting.mlflow.artifacts import Payload, write_artifacts
from stbench.reporting.mlflow.entries import row_hash
from stbench.reporting.mlflow.logged import LoggedRecords
from stbench.reporting.mlflow.quiet import quiet_mlflow

if TYPE_CHECKING:
    from stbench.reporting.mlflow.runs import MlflowRuns

LoadPayload = Callable[[Record], Payload]
_LONGEST_REASON = 300


class MlflowTracker:
    """Logs Records to the MLflow at `uri`, else at $MLFLOW_TRACKING_URI, else in a database below `out`."""

    def __init__(self, out: Path, uri: str | None = None):
        self.out = Path(out).resolve()
        given = uri or os.environ.get("MLFLOW_TRACKING_URI")
        self.uri = given or f"sqlite:///{(self.out / 'mlflow.db').as_posix()}"
        self.name = _without_password(given) if given else "local"
        self._logged = LoggedRecords(self.out / "mlflow-logged.json", self.name)
        self._runs: MlflowRuns | None = None
        self._given_up = False
        self._keeps_files = True

    def log(self, records: Iterable[Record], load_payload: LoadPayload | None = None) -> str | None:
        """Log those of `records` that it does not know; None, or one sentence on what went wrong.

        records       all Records of the store, so that a row's means cover all its folds
        load_payload  gives predictions and truths for the maps of genes; without it there are none

        Nothing is raised for MLflow's sake. It is not even imported where it knows all Records, and not asked
        again by the same object once it has failed.
        """
        records = list(records)
        if self._given_up or not self._logged.new(records):
            return None
        try:
            with locked(self._logged.file), quiet_mlflow():
                problems = self._log(records, load_payload)
        except Exception as error:  # whatever breaks there, results do not depend on it
            self._given_up = True
            safe = f"All results are safe in {self.out}; the next run logs what is missing."
            return f"MLflow at {self.name} did not get every result: {self._reason(error)} {safe}"
        if problems:
            reason = self._reason(problems[0])
            return f"MLflow at {self.name} has the numbers, but not every table and map: {reason}"
        return None

    def _log(self, records: Sequence[Record], load_payload: LoadPayload | None) -> list[Exception]:
        """Log what is new, row by row; what happened to tables and maps is returned."""
        from stbench.reporting.mlflow.runs import MlflowRuns

        self._runs = runs = self._runs or MlflowRuns(self.uri, self.out / "mlartifacts")
        problems: list[Exception] = []
        all_records = _by_row(records)
        for row, members in _by_row(self._logged.new(records)).items():
            experiment = runs.experiment(members[0].table.dataset)
            known = runs.known(experiment, row)
            parent = runs.row(experiment, row, members[0], known)
            logged = []
            for record in members:
                run = runs.clear_place(record, known, self._logged.run_of(record))
                if run is None:
                    run = runs.start(record, experiment, parent)
                    problems += self._hand_over_files(runs, run, record, load_payload)
                    runs.complete(run, record)
                logged.append((record, run))
            runs.update_row(parent, all_records[row])
            self._logged.remember(logged)  # last, so that a row that was cut off is looked at again
        return problems

    def _hand_over_files(
        self, runs: MlflowRuns, run: str, record: Record, load_payload: LoadPayload | None
    ) -> list[Exception]:
        """Tables and maps of a Record; a server that could not keep them once is not asked again."""
        with tempfile.TemporaryDirectory(prefix="stbench-") as folder:
            try:
                write_artifacts(Path(folder), record, load_payload)
            except StbenchError as error:
                return [error]
            if self._keeps_files:
                try:
                    runs.keep_files(run, Path(folder))
                except Exception as error:  # a broken store of files must not cost the numbers
                    self._keeps_files = False
                    return [error]
        return []

    def _reason(self, error: Exception) -> str:
        words = str(error) if isinstance(error, StbenchError) else f"{type(error).__name__}: {error}"
        words = " ".join(words.replace(self.uri, self.name).split())
        return words if len(words) <= _LONGEST_REASON else f"{words[:_LONGEST_REASON]} ..."


def _by_row(records: Iterable[Record]) -> dict[str, list[Record]]:
    rows: dict[str, list[Record]] = {}
    for record in records:
        rows.setdefault(row_hash(record), []).append(record)
    return rows


def _without_password(uri: str) -> str:
    """The address without user name and password: it is written down and printed."""
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else uri
