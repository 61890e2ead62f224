"""Logging a run to MLflow while it goes on, not more often than a person looks."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from stbench.record import Record
from stbench.reporting.mlflow.artifacts import Payload
from stbench.reporting.mlflow.tracking import LoadTables, MlflowTracker
from stbench.reporting.results.store import RunStore

SECONDS_BETWEEN_LOGS = 20.0


class PacedTracker:
    """Logs stored Records; what a server missed is logged later, and a failure is a warning."""

    def __init__(self, store: RunStore, warn: Callable[[str], None]):
        self.store = store
        self.warn = warn
        self.tracker = MlflowTracker(store.out)
        self._last = time.monotonic()

    def log_if_due(self, records: Sequence[Record]) -> None:
        """Log them if the last time is a while ago."""
        if time.monotonic() - self._last >= SECONDS_BETWEEN_LOGS:
            self.log(records)

    def log(self, records: Sequence[Record], tables: LoadTables | None = None) -> None:
        """Log those that MLflow does not have yet, and at the end of a run the tables that their rows stand in."""
        problem = self.tracker.log(records, self._payload, tables)
        self._last = time.monotonic()
        if problem:
            self.warn(problem)

    def _payload(self, record: Record) -> Payload:
        return Payload(self.store.load_predictions(record.key), self.store.load_truths(record))
