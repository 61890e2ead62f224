"""Telling MLflow of a run while it goes on, not more often than a person looks."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from stbench.record import Record
from stbench.reporting.artifacts import Payload
from stbench.reporting.store import RunStore
from stbench.reporting.tracking import MlflowTracker

SECONDS_BETWEEN_TELLINGS = 20.0


class Teller:
    """Tells MLflow of stored Records; what it missed is told later, and a failure is a warning."""

    def __init__(self, store: RunStore, warn: Callable[[str], None]):
        self.store = store
        self.warn = warn
        self.tracker = MlflowTracker(store.out)
        self._last = time.monotonic()

    def tell_now_and_then(self, records: Sequence[Record]) -> None:
        """Tell them if the last telling is a while ago."""
        if time.monotonic() - self._last >= SECONDS_BETWEEN_TELLINGS:
            self.tell(records)

    def tell(self, records: Sequence[Record]) -> None:
        """Tell those that MLflow does not know yet."""
        problem = self.tracker.tell(records, self._payload)
        self._last = time.monotonic()
        if problem:
            self.warn(problem)

    def _payload(self, record: Record) -> Payload:
        return Payload(self.store.load_predictions(record.key), self.store.load_truths(record))
