"""The three correlations of each row beside their nulls, and how to read them."""

from __future__ import annotations

from dataclasses import dataclass

from stbench.reporting.report.boards import Board
from stbench.reporting.report.grid import Grid, Line, number, numbers, words
from stbench.reporting.report.patients import CORRELATIONS
from stbench.reporting.tables.columns import HOW_TO_READ

MARKS = (
    "Filled marks are scores; hollow marks are the same scores against counts in which nothing but sequencing depth "
    "differs between spots, so a PCC no higher than its hollow mark is what depth alone gives."
)


@dataclass(frozen=True)
class Scored:
    """One row's correlation and its null."""

    label: str
    score: float | None
    null: float | None


@dataclass(frozen=True)
class CorrelationsSection:
    """`by_name` maps a correlation's name in words to every row's value, in the order of the leaderboard."""

    by_name: dict[str, list[Scored]]
    grid: Grid
    marks: str = MARKS
    how_to_read: str = HOW_TO_READ


def correlations_section(board: Board) -> CorrelationsSection:
    """The three correlations of all rows, complete or not."""
    rows = [(entry.label, entry.row) for entry in board.entries]
    by_name = {
        name: [Scored(label, getattr(row, score), getattr(row, f"{score}_null")) for label, row in rows]
        for score, name in CORRELATIONS.items()
    }
    columns = [*by_name.values()]
    lines = [Line(_cells(index, label, columns), row.kind) for index, (label, row) in enumerate(rows)]
    titles = [title for name in by_name for title in (name, "null")]
    return CorrelationsSection(
        by_name,
        Grid("Three correlations and their nulls", (*words("method"), *numbers(*titles)), tuple(lines)),
    )


def _cells(index: int, label: str, columns: list[list[Scored]]) -> tuple[str, ...]:
    values = [value for column in columns for value in (column[index].score, column[index].null)]
    return (label, *map(number, values))
