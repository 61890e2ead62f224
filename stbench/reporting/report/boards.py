"""The tables of the page: every row of a leaderboard beside the Records that it was made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from stbench.names import shown_name
from stbench.record import Record, SlideScores
from stbench.reporting import statistics
from stbench.reporting.tables.grouping import by_row, by_table
from stbench.reporting.tables.leaderboard import Table, build_tables
from stbench.reporting.tables.row import Row

Patients = dict[str, str | None]


@dataclass(frozen=True, eq=False)
class Entry:
    """A method, floor or preset of one table with the Records behind it; no other entry has its label."""

    label: str
    row: Row
    records: tuple[Record, ...]

    @property
    def patients(self) -> Patients:
        """Slide -> patient, None where that is not stated."""
        return {slide.slide: slide.patient for slide in self.slide_scores()}

    def slide_scores(self) -> list[SlideScores]:
        """The scores of every finished fold and seed, slide by slide."""
        return [slide for record in self.records if record.finished for slide in record.slides]

    def first_seed(self) -> list[Record]:
        """The finished Records of the first seed: what is drawn, because predictions are never averaged."""
        return [record for record in self.records if record.finished and record.seed == self.row.seeds[0]]

    def score_by_slide(self, name: str) -> dict[str, float | None]:
        """One score by slide, averaged over seeds."""
        return statistics.over_seeds({slide.slide: slide.scores.get(name)} for slide in self.slide_scores())


@dataclass(frozen=True, eq=False)
class Board:
    """One table of the page: its entries in the order of the leaderboard, without the ceiling."""

    table: Table
    entries: tuple[Entry, ...]

    @property
    def complete(self) -> list[Entry]:
        """The entries whose folds are all finished: only these are ranked and compared."""
        return [entry for entry in self.entries if entry.row.ranked]

    @property
    def records(self) -> list[Record]:
        return [record for entry in self.entries for record in entry.records]


def build_boards(
    records: Sequence[Record], reference: str, sources: Mapping[str, str] | None = None
) -> list[Board]:
    """The tables of all Records in the order in which they are shown; rows are tested against `reference`.

    sources  hash of each method's source as it is today: rows made by another are marked
    """
    members = by_table(records)
    return [
        Board(table, _entries(table, members[table.identity]))
        for table in build_tables(records, "pcc", reference, sources)
    ]


def _entries(table: Table, records: Sequence[Record]) -> tuple[Entry, ...]:
    groups = {_of_record(members[0]): tuple(members) for members, _ in by_row(records)}
    rows = [row for row in table.rows if _of_row(row) in groups]
    uses = Counter(row.label for row in rows)
    full = [f"{row.label}, {row.budget}" if uses[row.label] > 1 else row.label for row in rows]
    labels = [shown_name(name) for name in full]
    return tuple(Entry(label, row, groups[_of_row(row)]) for label, row in zip(labels, rows, strict=True))


def _of_record(record: Record) -> tuple[object, ...]:
    row = record.row
    return row.method, row.variant or None, _settings(row.overrides), row.budget or None


def _of_row(row: Row) -> tuple[object, ...]:
    return row.method, row.variant, _settings(row.overrides.items()), row.budget


def _settings(overrides: Iterable[tuple[str, object]]) -> tuple[tuple[str, str], ...]:
    """Settings given by hand, in words: a setting may be a list, which is no key of a dictionary."""
    return tuple((name, repr(value)) for name, value in overrides)
