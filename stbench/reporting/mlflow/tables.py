"""The leaderboard beside each row's run: which rows stand in which tables, and these as files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from stbench.record import Record
from stbench.reporting.mlflow.entries import row_hash

if TYPE_CHECKING:
    from stbench.reporting.tables.leaderboard import Table

NAME, SUFFIXES = "leaderboard", ("md", "csv")


def by_row(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Hash of a row -> its Records."""
    rows: dict[str, list[Record]] = {}
    for record in records:
        rows.setdefault(row_hash(record), []).append(record)
    return rows


def rows_of(tables: Sequence[Table]) -> dict[str, list[Record]]:
    """Hash of each row of the tables -> its Records, in the tables' order."""
    return by_row(
        record for table in tables for row in table.rows for record in table.members.get(row.label, ())
    )


def table_files(tables: Sequence[Table]) -> dict[str, Mapping[str, str]]:
    """Hash of each row -> the tables that it stands in, as files: name -> text."""
    from stbench.reporting.tables.formats import FORMATS  # which a run that has nothing to do need not load

    standing: dict[str, list[int]] = {}
    for place, table in enumerate(tables):
        for row in rows_of([table]):
            standing.setdefault(row, []).append(place)
    written = {
        places: {f"{NAME}.{suffix}": FORMATS[suffix]([tables[i] for i in places]) for suffix in SUFFIXES}
        for places in dict.fromkeys(map(tuple, standing.values()))
    }
    return {row: written[tuple(places)] for row, places in standing.items()}
