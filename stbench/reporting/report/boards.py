"""The tables of the page: every row of a leaderboard beside the Records that it was made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from stbench.names import shown_name
from stbench.record import Record, SlideScores
from stbench.reporting import statistics
from stbench.reporting.tables.brief import brief_rows, is_twin
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

    @property
    def without_twins(self) -> Board:
        """The same without floors' untuned twins: what is drawn, and the numbers beside it."""
        rows = tuple(brief_rows(self.table))
        members = {
            row.label: self.table.members[row.label] for row in rows if row.label in self.table.members
        }
        return boards_of([replace(self.table, rows=rows, members=members)])[0]

    @property
    def twins(self) -> list[Entry]:
        """The floors untuned that stand in the table tuned as well."""
        return [entry for entry in self.entries if is_twin(entry.row, self.table)]

    @property
    def synthetic(self) -> bool:
        """Whether its tissue is generated."""
        return self.table.synthetic


def build_boards(
    records: Sequence[Record], reference: str, sources: Mapping[str, str] | None = None
) -> list[Board]:
    """The tables of all Records in the order in which they are shown; rows are tested against `reference`.

    sources  hash of each method's source as it is today: rows made by another are marked
    """
    return boards_of(build_tables(records, "pcc", reference, sources))


def boards_of(tables: Sequence[Table]) -> list[Board]:
    """The tables with the Records behind each of their rows."""
    return [Board(table, _entries(table)) for table in tables]


def _entries(table: Table) -> tuple[Entry, ...]:
    rows = [row for row in table.rows if row.label in table.members]
    return tuple(Entry(shown_name(row.label), row, table.members[row.label]) for row in rows)
