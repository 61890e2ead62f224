"""Accuracy against what it costs: which rows nobody beats at the same price."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stbench.reporting.report.boards import Board, Entry
from stbench.reporting.report.grid import Grid, Heading, Line, listed, number, numbers, words
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
class RowPrices:
    """All that a row costs, as measured: `values` stand in the order of PRICES, None where nobody measured it."""

    label: str
    kind: str
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class CostSection:
    """Points by fit seconds and by number of parameters; `caveat` says where the seconds come from.

    prices    every price of every row that has any
    unpriced  which rows have none and why, "" where all have
    """

    by_time: list[Point]
    by_parameters: list[Point]
    grid: Grid
    caveat: str
    prices: list[RowPrices]
    unpriced: str = ""


# Heading, digits after the point, meaning.
PRICES = (
    ("fit seconds", 1, "one fit without its inner loop, mean over folds"),
    ("s/1,000 spots", 2, "seconds of prediction for 1,000 spots"),
    ("parameters", 0, "numbers that the model holds, the most of any fold"),
    ("GFLOP/forward", 2, "floating-point operations of one forward pass, in thousand millions"),
    ("peak GB", 2, "most memory that any fit's process took, in thousand millions of bytes"),
    ("peak GPU GB", 2, "most memory that any fit took of a GPU"),
)


def cost_section(board: Board) -> CostSection:
    """The rows that have a PCC and a price."""
    by_time = points(board, lambda row: row.fit_seconds)
    by_parameters = points(board, lambda row: row.parameters)
    fronts = [{point.label for point in found if point.on_front} for found in (by_time, by_parameters)]
    values = {entry.label: _values(entry) for entry in board.entries}
    lines = []
    for label, row in ((entry.label, entry.row) for entry in board.entries):
        marks = ["yes" if label in front else "no" for front in fronts]
        cells = (number(value, digits) for value, (_, digits, _) in zip(values[label], PRICES, strict=True))
        lines.append(Line((label, number(row.pcc), *cells, *marks), row.kind))
    headings = (
        *words("method"),
        *numbers("PCC"),
        *(Heading(title, meaning=meaning) for title, _, meaning in PRICES),
        *words("unbeaten at its time", "unbeaten at its size"),
    )
    grid = Grid("Accuracy and cost", headings, tuple(lines))
    prices = [
        RowPrices(entry.label, entry.row.kind, values[entry.label])
        for entry in board.entries
        if any(value is not None for value in values[entry.label])
    ]
    return CostSection(by_time, by_parameters, grid, _caveat(board), prices, _unpriced(board, prices))


def _values(entry: Entry) -> tuple[float | None, ...]:
    row = entry.row
    operations, memory, of_gpu = (
        _most(entry, name) for name in ("flops_forward", "peak_memory_mb", "peak_gpu_memory_mb")
    )
    return (
        row.fit_seconds,
        row.predict_seconds_per_1000_spots,
        row.parameters,
        None if operations is None else operations / 1e9,
        None if memory is None else memory / 1e3,
        None if of_gpu is None else of_gpu / 1e3,
    )


def _most(entry: Entry, name: str) -> float | None:
    found = [record.cost.get(name) for record in entry.records if record.finished]
    return max((value for value in found if value is not None), default=None)


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


def _unpriced(board: Board, prices: Sequence[RowPrices]) -> str:
    """A sentence for rows that no figure of costs can show, by the reason."""
    priced = {row.label for row in prices}
    without = [entry for entry in board.entries if entry.label not in priced]
    reasons = {"external": "predicted elsewhere, where nobody measured", "released": "not fitted here"}
    by_reason: dict[str, list[str]] = {}
    for entry in without:
        reason = reasons.get(entry.row.kind, "no costs are recorded")
        by_reason.setdefault(reason, []).append(entry.label)
    named = "; ".join(f"{listed(labels)} ({reason})" for reason, labels in by_reason.items())
    return f"Without costs, and therefore in none of these figures: {named}." if named else ""


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
