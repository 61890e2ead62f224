"""Records logged to MLflow, which is where people look; the store on disk stays the truth.

MLflow being down or broken loses nothing: one sentence says so, and the next run logs what is missing.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from stbench.errors import MissingPackage, StbenchError, needs_package
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
        self._database = None if given else self.out / "mlflow.db"
        self.uri = given or f"sqlite:///{(self.out / 'mlflow.db').as_posix()}"
        self.name = shown_address(given) if given else "local"
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
        if self._given_up or not records or not (self._database_is_gone() or self._logged.new(records)):
            return None
        try:
            with locked(self._logged.file), quiet_mlflow():
                problems = self._log(records, load_payload)
        except Exception as error:  # whatever breaks there, results do not depend on it
            self._given_up = True
            safe = f"All results are safe in {self.out}; the next run logs what is missing."
            if isinstance(error, MissingPackage):
                return f"{error} {safe}"
            return f"MLflow at {self.name} did not get every result: {self._reason(error)} {safe}"
        if problems:
            reason = self._reason(problems[0])
            return f"MLflow at {self.name} has the numbers, but not every table and map: {reason}"
        return None

    def _log(self, records: Sequence[Record], load_payload: LoadPayload | None) -> list[Exception]:
        """Log what is new, row by row; what happened to tables and maps is returned."""
        runs = self._opened()
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

    def _database_is_gone(self) -> bool:
        return self._database is not None and not self._database.exists()

    def _opened(self) -> MlflowRuns:
        """The runs there; a database that somebody deleted is made anew, and then has nothing of what it had."""
        from stbench.reporting.mlflow.runs import MlflowRuns, open_database

        if self._database_is_gone():
            self._logged.forget()
            self._runs = None
        artifacts = self.out / "mlartifacts"
        if self._runs is None:
            with needs_package("mlflow", "Logging to MLflow"):
                self._runs = (
                    open_database(self._database, artifacts)
                    if self._database
                    else MlflowRuns(self.uri, artifacts)
                )
        return self._runs

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
        """What went wrong, in one line; others' words are cut short, our own say at their end what to do."""
        if isinstance(error, StbenchError):
            return " ".join(str(error).split())
        words = " ".join(_without_secrets(f"{type(error).__name__}: {error}", self.uri).split())
        return words if len(words) <= _LONGEST_REASON else f"{words[:_LONGEST_REASON]} ..."


def _by_row(records: Iterable[Record]) -> dict[str, list[Record]]:
    rows: dict[str, list[Record]] = {}
    for record in records:
        rows.setdefault(row_hash(record), []).append(record)
    return rows


def shown_address(uri: str) -> str:
    """The address without user, password, query and fragment: it is written down and printed."""
    return _parted(uri)[0]


def _parted(uri: str) -> tuple[str, list[str]]:
    """What may be shown of an address, and the words of it that may not."""
    start = uri.find("://") + 3 if "://" in uri else 0
    scheme, rest = uri[:start], uri[start:]
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    # No host: the slash or question mark before the @ is part of a password.
    odd = "@" not in authority and "@" in rest and not re.fullmatch(r"(\[.*\]|[^:]*)(:\d*)?", authority)
    user, _, host = (rest if odd else authority).rpartition("@")
    rest = host if odd else host + rest[len(authority) :]
    shown, *query = re.split(r"[?#]", rest, maxsplit=1)
    values = [pair.partition("=")[2] for part in query for pair in re.split(r"[&;#]", part)]
    return scheme + shown, [user, *user.split(":", 1), *query, *values]


def _without_secrets(words: str, uri: str) -> str:
    """The words without what an address keeps to itself, as it was given and as it reads decoded."""
    shown, secrets = _parted(uri)
    words = words.replace(uri, shown)
    for secret in sorted({*secrets, *map(unquote, secrets)}, key=len, reverse=True):
        if secret:
            words = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "***", words)
    return words
