"""Records of several results folders as one set, where they do not contradict each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stbench.errors import StorageError
from stbench.record import Record
from stbench.reporting.results.store import RunStore


def merged_records(folders: Sequence[tuple[str, Path]]) -> tuple[list[Record], list[str]]:
    """The Records of all folders, each given with the name that people know it by, and their damaged files.

    The same Record in two folders counts once. StorageError where two folders hold different results of one job.
    """
    found: dict[str, tuple[str, Record]] = {}
    problems: list[str] = []
    for name, folder in folders:
        records, damaged = RunStore(folder).records()
        problems += damaged
        for record in records:
            known_from, known = found.setdefault(record.key, (name, record))
            if _results(known) != _results(record):
                raise StorageError(
                    f"{known_from} and {name} hold different results of one job ({record.row.method}, fold "
                    f"{record.fold}, seed {record.seed}, key {record.key}). One of them was changed, or the job does "
                    "not repeat on the other machine; show only one of them."
                )
    return [record for _, record in found.values()], problems


def _results(record: Record) -> dict[str, Any]:
    """What must agree: everything but what the work cost and when and where it was done."""
    return {name: value for name, value in record.to_plain().items() if name not in ("cost", "provenance")}
