"""Every complete row against the reference, for each of the three correlations: one family of tests each."""

from __future__ import annotations

from dataclasses import dataclass

from stbench.names import shown_name
from stbench.reporting.report.boards import Board
from stbench.reporting.report.grid import Grid, Heading, Line, listed
from stbench.reporting.report.patients import CORRELATIONS
from stbench.reporting.statistics import Comparison
from stbench.reporting.tables.leaderboard import DEFAULT_REFERENCE
from stbench.reporting.tables.side_blocks import comparison_columns

_IN_WORDS = {"method", "verdict", "tested with"}
HOW = (
    "p: joint sign flips of the patients over all rivals at once (step-down maxT), which keeps the chance of any "
    "false claim below .05; least p is what so many patients could give at best. Floors and untuned twins are tested "
    "apart; a row that lacks a patient is tested alone. Wilcoxon with Holm is what papers report. Margin is the "
    "smallest difference within which the data would support equivalence. Hodges-Lehmann is the median of all "
    "pairwise averages with the level that so many patients allow; effect is the rank-biserial correlation, 1 where "
    "every patient favours the method."
)


@dataclass(frozen=True)
class ComparisonsSection:
    """Tests by one correlation, or the sentence that says why there are none; `summary` has one line a verdict."""

    name: str
    grid: Grid | None
    summary: list[str]
    why_not: str
    how: str = HOW


def comparisons_sections(board: Board, reference: str | None) -> list[ComparisonsSection]:
    """The tests for each of the three correlations."""
    named = reference or " or ".join(board.table.references) or DEFAULT_REFERENCE
    return [_section(board, score, name, shown_name(named)) for score, name in CORRELATIONS.items()]


def _section(board: Board, score: str, name: str, reference: str) -> ComparisonsSection:
    tests = list(board.table.tests.get(score, ()))
    if not tests:
        return ComparisonsSection(name, None, [], _why_not(board, reference))
    n = max(test.n for test in tests)
    named = "" if board.table.reference_named else ", a reference named after the run"
    caption = f"Against {reference}, {name} by patient ({n} patient{'' if n == 1 else 's'}{named})"
    columns = comparison_columns(board.table)
    headings = tuple(Heading(column.title, column.title not in _IN_WORDS) for column in columns)
    lines = tuple(Line(tuple(column.cell(test) for column in columns)) for test in tests)
    return ComparisonsSection(name, Grid(caption, headings, lines), _summary(tests), "")


def _why_not(board: Board, reference: str) -> str:
    complete = [entry.label for entry in board.complete]
    if not board.table.references:
        there = f"; there are {listed(complete)}" if complete else ""
        return f"There are no tests: this table has no row {reference} that is finished on every fold{there}."
    if board.table.n_patients is None:
        return "There are no tests: the unit is the patient, and this table's patients are not stated."
    return f"There are no tests: {reference} is the only row that is finished on every fold."


def _summary(comparisons: list[Comparison]) -> list[str]:
    """'better: a and b' for each verdict that occurs."""
    methods: dict[str, list[str]] = {}
    for comparison in comparisons:
        methods.setdefault(comparison.verdict, []).append(shown_name(comparison.method))
    return [f"{verdict}: {listed(names)}" for verdict, names in methods.items()]
