"""The three correlations of each row beside their nulls, and how to read them."""

from __future__ import annotations

from dataclasses import dataclass

from stbench.reporting.report.boards import Board
from stbench.reporting.report.grid import Grid, Line, number, numbers, words
from stbench.reporting.report.patients import CORRELATIONS
from stbench.reporting.tables.columns import HOW_TO_READ
from stbench.reporting.tables.row import Row

_SHOWN = ("pcc", "pcc_null", "pcc_given_depth", "pcc_equal_depth")
MARKS = (
    "Filled marks are scores; the hollow mark is the PCC of the same predictions where spots of nearly equal "
    "sequencing depth have exchanged their measured profiles, so a PCC no higher than it is what depth alone gives."
)


@dataclass(frozen=True)
class Scored:
    """One row's correlation, and its null where that score has one."""

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
        name: [Scored(label, getattr(row, score), getattr(row, f"{score}_null", None)) for label, row in rows]
        for score, name in CORRELATIONS.items()
    }
    lines = [Line(_cells(label, row), row.kind) for label, row in rows]
    titles = ["null" if name == "pcc_null" else CORRELATIONS[name] for name in _SHOWN]
    return CorrelationsSection(
        by_name,
        Grid("Three correlations and the null", (*words("method"), *numbers(*titles)), tuple(lines)),
    )


def _cells(label: str, row: Row) -> tuple[str, ...]:
    return (label, *(number(getattr(row, name)) for name in _SHOWN))
