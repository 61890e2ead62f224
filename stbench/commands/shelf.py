"""The results folder as several runs share it: what is claimed, and what lies there finished."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stbench.errors import StbenchError
from stbench.evaluation.curves import Curves
from stbench.reporting.results.claims import Claims

if TYPE_CHECKING:
    from stbench.commands.run import PreparedRun
    from stbench.evaluation.agenda import Result


class Shared:
    """An agenda's shelf on a results folder."""

    def __init__(self, prepared: PreparedRun, claims: Claims):
        self._store, self._trials, self._claims = prepared.store, prepared.trials, claims
        self._refits = prepared.keys

    def claim(self, key: str) -> bool:
        return self._claims.claim(key)

    def release(self, key: str) -> None:
        self._claims.release(key)

    def look(self, key: str) -> Result | None:
        """The finished result of that key; one that cannot be read is none, and is made again."""
        try:
            if key in self._refits:
                return self._store.load(key) if self._store.has_finished(key) else None
            return Curves.from_plain(self._trials.load(key)) if self._trials.has(key) else None
        except StbenchError:
            return None
