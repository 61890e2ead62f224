"""Accuracy against what it costs: which rows nobody beats at the same price."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stbench.reporting.report.boards import Board
from stbench.reporting.report.grid import Grid, Line, listed, number, numbers, words
from stbench.reporting.tables.row import Row


@dataclass(frozen=True)
class Point:
    """A row's price and PCC; `on_front` where no cheaper row is as good."""

    label: str
    kind: str
    price: float
    pcc: float
    on_front: bool


@dataclass(frozen=True)
class CostSection:
    """Points by fit seconds and by number of parameters; `caveat` says where the seconds come from."""

    by_time: list[Point]
    by_parameters: list[Point]
    grid: Grid
    caveat: str


def cost_section(board: Board) -> CostSection:
    """The rows that have a PCC and a price."""
    by_time = points(board, lambda row: row.fit_seconds)
    by_parameters = points(board, lambda row: row.parameters)
    fronts = [{point.label for point in found if point.on_front} for found in (by_time, by_parameters)]
    lines = []
    for label, row in ((entry.label, entry.row) for entry in board.entries):
        marks = ["yes" if label in front else "no" for front in fronts]
        prices = (number(row.fit_seconds, 1), marks[0], number(row.parameters, 0), marks[1])
        lines.append(Line((label, number(row.pcc), *prices), row.kind))
    headings = (
        *words("method"),
        *numbers("PCC", "fit seconds"),
        *words("unbeaten at its time"),
        *numbers("parameters"),
        *words("unbeaten at its size"),
    )
    return CostSection(
        by_time, by_parameters, Grid("Accuracy and cost", headings, tuple(lines)), _caveat(board)
    )


def points(board: Board, price: Callable[[Row], float | None]) -> list[Point]:
    """Complete rows with their price, cheapest first."""
    entries = [entry for entry in board.complete if entry.row.pcc is not None]
    priced = [(float(cost), entry) for entry in entries if (cost := price(entry.row)) is not None]
    front = pareto_front([(cost, entry.row.pcc or 0.0) for cost, entry in priced])
    found = [
        Point(entry.label, entry.row.kind, cost, entry.row.pcc or 0.0, best)
        for (cost, entry), best in zip(priced, front, strict=True)
    ]
    return sorted(found, key=lambda point: (point.price, -point.pcc))


def pareto_front(prices_and_scores: Sequence[tuple[float, float]]) -> list[bool]:
    """Whether no other point costs at most as much and scores at least as well, one of the two strictly."""
    return [
        not any(other != mine and other[0] <= mine[0] and other[1] >= mine[1] for other in prices_and_scores)
        for mine in prices_and_scores
    ]


def _caveat(board: Board) -> str:
    found = {
        f"{record.provenance.get('processor') or 'an unnamed processor'} ({record.provenance.get('device') or '?'})"
        for record in board.records
        if record.finished
    }
    if not found:
        return ""
    seconds = f"Seconds of one fit without its inner loop, measured on {listed(sorted(found))}"
    return f"{seconds}; times of different machines do not compare." if len(found) > 1 else f"{seconds}."
