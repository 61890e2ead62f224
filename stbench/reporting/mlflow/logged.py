"""What MLflow has already, so that it is opened only when there is something new.

One small file beside the results, per tracking server: Record key -> {"stamp", "run"}, and the rows whose runs still
lack their tables. It is a memory, not the truth: without it MLflow is asked what it knows.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from stbench.files import hash_value, read_json_or_none, write_json
from stbench.record import Record

_OWED = " tables owed"


def stamp(record: Record) -> str:
    """What tells a Record from an earlier or later one of the same key: when and how it finished."""
    time = record.provenance.get("finished_at") or hash_value(
        [record.seed, record.failure, dict(record.cost)]
    )
    return f"{time} {'finished' if record.finished else 'failed'}"


class LoggedRecords:
    """The memory of one tracking server in one file."""

    def __init__(self, file: Path, server: str):
        self.file, self.server = file, server

    def new(self, records: Iterable[Record]) -> list[Record]:
        """Those of `records` that the server does not have."""
        known = self._known()
        return [record for record in records if known.get(record.key, {}).get("stamp") != stamp(record)]

    def run_of(self, record: Record) -> str | None:
        """The MLflow run of an earlier Record of the same key, None where there is none."""
        return self._known().get(record.key, {}).get("run")

    def forget(self) -> None:
        """The server has nothing any more, as after its database was deleted."""
        servers = self._servers()
        if servers.pop(self.server, None) is not None:
            servers.pop(f"{self.server}{_OWED}", None)
            write_json(self.file, servers)

    def remember(self, runs: Iterable[tuple[Record, str]], row: str = "") -> None:
        """The server now has these Records, each as the run of that id; their row's tables are owed."""
        servers = self._servers()
        known = servers.setdefault(self.server, {})
        known |= {record.key: {"stamp": stamp(record), "run": run} for record, run in runs}
        if row:
            servers.setdefault(f"{self.server}{_OWED}", {})[row] = {}
        write_json(self.file, servers)

    def owed(self) -> set[str]:
        """The rows whose tables changed since the server last got them."""
        return set(self._servers().get(f"{self.server}{_OWED}", ()))

    def settle(self, rows: Iterable[str]) -> None:
        """The server has the tables of these rows."""
        servers = self._servers()
        owed = servers.pop(f"{self.server}{_OWED}", {})
        if left := {row: {} for row in owed.keys() - set(rows)}:
            servers[f"{self.server}{_OWED}"] = left
        write_json(self.file, servers)

    def _known(self) -> dict[str, dict[str, str]]:
        return self._servers().get(self.server, {})

    def _servers(self) -> dict[str, dict[str, dict[str, str]]]:
        servers = read_json_or_none(self.file)
        return servers if isinstance(servers, dict) else {}
