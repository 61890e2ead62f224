"""Records logged to MLflow, which is where people look; the store on disk stays the truth.

MLflow being down or broken loses nothing: one sentence says so, and the next run logs what is missing.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from stbench.errors import MissingPackage, StbenchError, needs_package
from stbench.files import locked
from stbench.record import Record
from stbench.reporting.mlflow.artifacts import Payload, write_artifacts
from stbench.reporting.mlflow.entries import row_hash
from stbench.reporting.mlflow.kept_model import KeptModelEntry
from stbench.reporting.mlflow.logged import LoggedRecords
from stbench.reporting.mlflow.quiet import quiet_mlflow
from stbench.reporting.mlflow.tables import by_row, rows_of, table_files

if TYPE_CHECKING:
    from stbench.reporting.mlflow.runs import MlflowRuns
    from stbench.reporting.tables.leaderboard import Table

LoadPayload = Callable[[Record], Payload]
LoadTables = Callable[[], Sequence["Table"]]
REPORT = "report.html"
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

    def log(
        self,
        records: Iterable[Record],
        load_payload: LoadPayload | None = None,
        tables: LoadTables | None = None,
    ) -> str | None:
        """Log those of `records` that it does not know; None, or one sentence on what went wrong.

        records       all Records of the store, so that a row's means cover all its folds
        load_payload  gives predictions and truths for the maps of genes; without it there are none
        tables        gives the tables that the rows stand in, which lie with each row's run; without it they are owed

        Nothing is raised for MLflow's sake. It is not even imported where it knows all Records, and not asked
        again by the same object once it has failed.
        """
        records = list(records)
        if not records or not self._has_news(records, tables is not None):
            return None
        return self._safely(lambda: self._log(records, load_payload, tables))

    def log_report(self, page: Path, tables: Sequence[Table]) -> str | None:
        """Have a report's page lie with the runs of its rows that were logged from here; as `log` otherwise.

        On this disk all rows share one file; a server gets it once for a data set, with the first row's run.
        """
        rows = {row: found for row, found in rows_of(tables).items() if any(map(self._logged.run_of, found))}
        if not rows or self._database_is_gone():
            return None
        return self._safely(lambda: self._log_report(page, rows), f"The page is safe in {page}.")

    def log_model(self, model: KeptModelEntry) -> str | None:
        """Log a kept model with its file, in a run of its own; as `log` otherwise."""

        def work() -> list[Exception]:
            runs = self._opened()
            runs.keep_model(runs.experiment(model.dataset), model)
            return []

        return self._safely(work, f"The model is safe in {model.file}.")

    def _has_news(self, records: Sequence[Record], with_tables: bool) -> bool:
        owed = self._logged.owed() if with_tables else set()
        return bool(
            self._database_is_gone()
            or self._logged.new(records)
            or (owed and not owed.isdisjoint(map(row_hash, records)))
        )

    def _safely(self, work: Callable[[], list[Exception]], safe: str = "") -> str | None:
        """Do it; None, or one sentence on what went wrong."""
        if self._given_up:
            return None
        try:
            with locked(self._logged.file), quiet_mlflow():
                problems = work()
        except Exception as error:  # whatever breaks there, results do not depend on it
            self._given_up = True
            safe = safe or f"All results are safe in {self.out}; the next run logs what is missing."
            if isinstance(error, MissingPackage):
                return f"{error} {safe}"
            return f"MLflow at {self.name} did not get every result: {self._reason(error)} {safe}"
        if problems:
            reason = self._reason(problems[0])
            return f"MLflow at {self.name} has the numbers, but not every table and map: {reason}"
        return None

    def _log(
        self, records: Sequence[Record], load_payload: LoadPayload | None, tables: LoadTables | None
    ) -> list[Exception]:
        """Log what is new, row by row; what happened to tables and maps is returned."""
        runs = self._opened()
        problems: list[Exception] = []
        all_records = by_row(records)
        for row, members in by_row(self._logged.new(records)).items():
            experiment = runs.experiment(members[0].table.dataset)
            known = runs.known(experiment, row)
            parent = runs.row(experiment, row, all_records[row], known)
            logged = []
            for record in members:
                run = runs.clear_place(record, known, self._logged.run_of(record))
                if run is None:
                    run = runs.start(record, experiment, parent)
                    problems += self._hand_over_files(runs, run, record, load_payload)
                    runs.complete(run, record)
                logged.append((record, run))
            runs.update_row(parent, all_records[row])
            self._logged.remember(logged, row)  # last, so that a row that was cut off is looked at again
        return problems + (self._log_tables(runs, tables()) if tables is not None else [])

    def _log_tables(self, runs: MlflowRuns, tables: Sequence[Table]) -> list[Exception]:
        """Put the tables beside every row that stands in them."""
        rows = rows_of(tables)
        for row, files in table_files(tables).items():
            run = self._run_of_row(runs, row, rows[row])
            if run is not None and (problems := self._keep(runs, run, files)):
                return problems
        self._logged.settle(rows)
        return []

    def _log_report(self, page: Path, rows: Mapping[str, Sequence[Record]]) -> list[Exception]:
        runs, of_dataset = self._opened(), dict[str, list[str]]()
        for row, records in rows.items():
            run = self._run_of_row(runs, row, records)
            if run is not None:
                of_dataset.setdefault(records[0].table.dataset, []).append(run)
        for first, *others in of_dataset.values():
            if problems := self._keep(runs, first, {REPORT: page}):
                return problems
            runs.share_file(first, REPORT, others)
        return []

    def _run_of_row(self, runs: MlflowRuns, row: str, records: Sequence[Record]) -> str | None:
        """The own run of a row, None where it was not logged."""
        if not any(map(self._logged.run_of, records)):
            return None
        return runs.row_there(runs.experiment(records[0].table.dataset), row)

    def _database_is_gone(self) -> bool:
        return self._database is not None and not self._database.exists()

    def _opened(self) -> MlflowRuns:
        """The runs there; a database that somebody deleted is made anew, and then has nothing of what it had."""
        from stbench.reporting.mlflow.runs import MlflowRuns

        if self._database_is_gone():
            self._logged.forget()
            self._runs = None
        if self._runs is None:
            with needs_package("mlflow", "Logging to MLflow"):
                self._runs = MlflowRuns(self.out, None if self._database else self.uri)
        return self._runs

    def _keep(self, runs: MlflowRuns, run: str, files: Mapping[str, str | Path]) -> list[Exception]:
        """Have files, given as text or by where they lie, lie with a run under these names."""
        with tempfile.TemporaryDirectory(prefix="stbench-") as folder:
            for name, content in files.items():
                if isinstance(content, Path):
                    shutil.copyfile(content, Path(folder, name))
                else:
                    Path(folder, name).write_text(content, encoding="utf-8")
            return self._handed_over(runs, run, Path(folder))

    def _hand_over_files(
        self, runs: MlflowRuns, run: str, record: Record, load_payload: LoadPayload | None
    ) -> list[Exception]:
        """Tables and maps of a Record; a server that could not keep them once is not asked again."""
        with tempfile.TemporaryDirectory(prefix="stbench-") as folder:
            try:
                write_artifacts(Path(folder), record, load_payload)
            except StbenchError as error:
                return [error]
            return self._handed_over(runs, run, Path(folder))

    def _handed_over(self, runs: MlflowRuns, run: str, folder: Path) -> list[Exception]:
        if self._keeps_files:
            try:
                runs.keep_files(run, folder)
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
