"""Which Records share a table, and which of them make one row of it.

The same Records give the same groups, in whatever order they come.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from stbench.files import hash_value
from stbench.record import Record, TableIdentity


def by_table(records: Iterable[Record]) -> dict[TableIdentity, list[Record]]:
    """The Records of each table, in the order of seed, fold and key."""
    tables: dict[TableIdentity, list[Record]] = {}
    for record in sorted(records, key=_order):
        tables.setdefault(record.table, []).append(record)
    return tables


def by_row(records: Sequence[Record]) -> list[tuple[list[Record], bool]]:
    """The Records of each row of one table, and whether older ones of the same row were passed over.

    Results of edited plugin code never mix: of several sources the one with the newest Record counts, and in
    it the newest Record of each seed and fold.
    """
    rows: dict[str, dict[str, list[Record]]] = {}
    for record in records:
        choices = asdict(record.row)
        source = choices.pop("source")
        rows.setdefault(hash_value(choices), {}).setdefault(source, []).append(record)
    found = []
    for _, sources in sorted(rows.items()):
        newest = max(sources, key=lambda source: (max(map(_age, sources[source])), source))
        current = _newest_of_each_fold(sources[newest])
        n_records = sum(len(members) for members in sources.values())
        found.append((current, len(current) < n_records))
    return found


def _newest_of_each_fold(records: Sequence[Record]) -> list[Record]:
    newest: dict[tuple[int, str], Record] = {}
    for record in sorted(records, key=_age):
        newest[record.seed, record.fold] = record
    return sorted(newest.values(), key=_order)


def _order(record: Record) -> tuple[int, str, str]:
    return record.seed, record.fold, record.key


def _age(record: Record) -> tuple[str, bool, str]:
    return str(record.provenance.get("finished_at") or ""), record.finished, record.key
