"""Each row's score with its interval and null, under the ceiling: what the first screen draws."""

from __future__ import annotations

from dataclasses import dataclass

from stbench.reporting.report.boards import Board
from stbench.reporting.tables.row import Interval, Row


@dataclass(frozen=True)
class ForestLine:
    """One row; `ends` are of the interval over patients, below three patients of their range; None where unknown."""

    label: str
    kind: str
    score: float
    ends: Interval
    null: float | None
    is_faint: bool


@dataclass(frozen=True)
class ForestSection:
    """Lines by the order of the table; `ends_are` says what the bars span."""

    lines: list[ForestLine]
    ceiling: float | None
    ends_are: str


def forest_section(board: Board) -> ForestSection:
    """The finished rows of a table by PCC."""
    rows = [(entry.label, entry.row) for entry in board.complete]
    lines = [
        ForestLine(label, row.kind, row.pcc, row.pcc_ci or row.pcc_range, row.pcc_null, row.is_faint)
        for label, row in rows
        if row.pcc is not None
    ]
    return ForestSection(lines, board.table.ceiling, _ends_are([row for _, row in rows]))


def _ends_are(rows: list[Row]) -> str:
    if any(row.pcc_ci for row in rows):
        return "bar: 95% interval over patients"
    if any(row.pcc_range and (row.n_patients or 0) > 1 for row in rows):
        return "bar: range of the patients, too few for an interval"
    return "no bar: there is no interval without several patients"
