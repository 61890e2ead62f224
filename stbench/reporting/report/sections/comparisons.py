"""Every complete row against the reference, for each of the three correlations: one family of tests each."""

from __future__ import annotations

from dataclasses import dataclass

from stbench.names import shown_name
from stbench.reporting.report.boards import Board
from stbench.reporting.report.grid import Grid, Heading, Line, listed
from stbench.reporting.report.patients import CORRELATIONS, means_by_row
from stbench.reporting.statistics import Comparison, compare_with_reference
from stbench.reporting.tables.side_blocks import comparison_columns

_IN_WORDS = {"method", "verdict"}
HOW = (
    "Exact two-sided Wilcoxon signed-rank test on patient means, Holm over the rivals; least p is what so many "
    "patients could give at best, margin the smallest difference within which the data would support equivalence. The "
    "interval of the difference is a t interval, which two or three patients barely define; Hodges-Lehmann is the "
    "median of all pairwise averages with the level that so many patients allow; effect is the rank-biserial "
    "correlation, 1 where every patient favours the method."
)


@dataclass(frozen=True)
class ComparisonsSection:
    """Tests by one correlation, or the sentence that says why there are none; `summary` has one line a verdict."""

    name: str
    grid: Grid | None
    summary: list[str]
    why_not: str
    how: str = HOW


def comparisons_sections(board: Board, reference: str) -> list[ComparisonsSection]:
    """The tests for each of the three correlations."""
    reference = shown_name(reference)
    return [_section(board, score, name, reference) for score, name in CORRELATIONS.items()]


def _section(board: Board, score: str, name: str, reference: str) -> ComparisonsSection:
    means = means_by_row(board, score)
    if reference not in means or len(means) < 2:
        return ComparisonsSection(name, None, [], _why_not(board, means, reference))
    found = {comparison.method: comparison for comparison in compare_with_reference(means, reference)}
    ordered = [found[label] for label in means if label in found]
    n = max(comparison.n for comparison in ordered)
    caption = f"Against {reference}, {name} by patient ({n} patient{'' if n == 1 else 's'})"
    columns = comparison_columns(board.table)
    headings = tuple(Heading(column.title, column.title not in _IN_WORDS) for column in columns)
    lines = tuple(Line(tuple(column.cell(comparison) for column in columns)) for comparison in ordered)
    return ComparisonsSection(name, Grid(caption, headings, lines), _summary(ordered), "")


def _why_not(board: Board, means: dict[str, dict[str, float]], reference: str) -> str:
    complete = [entry.label for entry in board.complete]
    if reference not in complete:
        there = f"; there are {listed(complete)}" if complete else ""
        return f"There are no tests: this table has no row {reference} that is finished on every fold{there}."
    if reference not in means:
        return "There are no tests: the unit is the patient, and this table's patients are not stated."
    return f"There are no tests: {reference} is the only row that is finished on every fold."


def _summary(comparisons: list[Comparison]) -> list[str]:
    """'better: a and b' for each verdict that occurs."""
    methods: dict[str, list[str]] = {}
    for comparison in comparisons:
        methods.setdefault(comparison.verdict, []).append(comparison.method)
    return [f"{verdict}: {listed(names)}" for verdict, names in methods.items()]
