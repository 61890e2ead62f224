"""Leaderboards for a terminal: rich tables that drop their least important columns until they fit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table as Grid
from rich.text import Text

from stbench.names import cleaned, shown_name
from stbench.reporting.tables.across import Across, across_datasets
from stbench.reporting.tables.columns import (
    COLUMNS,
    MISSING,
    Column,
    columns_of,
    failures,
    heading,
    label,
    note,
    ranks,
    sentences,
)
from stbench.reporting.tables.leaderboard import Table
from stbench.reporting.tables.row import Row
from stbench.reporting.tables.side_blocks import SCORE_NAMES, ari_sentence

# Wider than this and the eye loses the line.
WIDEST = 120
# A name that needs more is folded, so that it does not cost the row its numbers.
_WIDEST_CELL = 44
# Characters left and right of the grid.
_EDGES = 2
# What stands below the grid in words.
_BELOW = ("pretrained", "budget")
_STYLES = {"floor": "dim", "ceiling": "italic"}


class LeaderboardView:
    """Rich renderable of some tables, at most 120 columns wide and never wider than the console."""

    def __init__(self, tables: Sequence[Table]):
        self.tables = tables

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not self.tables:
            yield Text("No results yet.")
        for table in self.tables:
            yield Text(heading(table), style="bold")
            yield _grid(table, min(options.max_width, WIDEST), _missing_sign(options.encoding))
            notes = [*_shared(table), *(f"{label(row)}: {note(row)}" for row in table.rows if row.note)]
            around = [*sentences(table, str.upper), ari_sentence(table), *_verdicts(table)]
            for line in filter(None, [*notes, *failures(table), *around]):
                yield Text(cleaned(line))
            yield Text()
        for line in (line for found in across_datasets(self.tables) for line in _over_all(found)):
            yield Text(cleaned(line))


def _shared(table: Table) -> list[str]:
    """Bounds and first weights of the rows, each once with the rows that it holds for; no column is left for them."""
    lines = []
    for column in (column for column in COLUMNS if column.title in _BELOW):
        rows: dict[str, list[str]] = {}
        for row in table.rows:
            rows.setdefault(column.cell(row), []).append(label(row))
        lines += [
            f"{column.title}: {cell}: {', '.join(own)}" for cell, own in rows.items() if cell != MISSING
        ]
    return lines


def _verdicts(table: Table) -> list[str]:
    """One sentence a score and verdict, with the methods that it holds for; the numbers stand in the other formats."""
    lines = []
    for score, tests in table.tests.items():
        methods: dict[str, list[str]] = {}
        for test in tests:
            methods.setdefault(f"{shown_name(test.reference)}: {test.verdict}", []).append(
                shown_name(test.method)
            )
        lines += [
            f"{SCORE_NAMES[score]} by patient, against {v}: {', '.join(names)}."
            for v, names in methods.items()
        ]
    if not table.reference_named:
        lines.append("The reference was named after the run.")
    if table.published:
        lines.append(f"{len(table.published)} published numbers stand beside it in the other formats.")
    return lines


def _over_all(found: Across) -> list[str]:
    """One sentence a verdict over several data sets, by plain PCC."""
    methods: dict[str, list[str]] = {}
    for test in found.tests["pcc"]:
        methods.setdefault(test.verdict, []).append(shown_name(test.method))
    names = ", ".join(map(shown_name, found.datasets))
    reference = shown_name(found.reference)
    return [f"Over {names}, against {reference}: {v}: {', '.join(own)}." for v, own in methods.items()]


def _missing_sign(encoding: str) -> str:
    return MISSING if encoding.lower().startswith("utf") else "-"


def _grid(table: Table, width: int, missing: str) -> Grid:
    columns = [column for column in columns_of(table) if column.title not in _BELOW]
    cells = {column: [_cell(column, row, missing) for row in table.rows] for column in columns}
    places = list(ranks(table))
    shown = _columns_that_fit(cells, width - _width("#", places) - _EDGES)
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    grid.add_column("#", justify="right", no_wrap=True)
    for column in shown:
        grid.add_column(
            column.title.replace(" ", "\n"), justify="right" if column.is_number else "left", overflow="fold"
        )
    for index, row in enumerate(table.rows):
        line = [places[index], *(cells[column][index] for column in shown)]
        grid.add_row(*map(Text, line), style="dim" if row.is_faint else _STYLES.get(row.kind))
    return grid


def _cell(column: Column, row: Row, missing: str) -> str:
    marks = [mark.upper() for mark in row.marks] if column is COLUMNS[0] else []
    return " ".join([column.cell(row).replace(MISSING, missing), *marks])


def _columns_that_fit(cells: dict[Column, list[str]], width: int) -> list[Column]:
    """The most important columns that fit side by side, in their usual order; the first ones always stay."""
    shown: set[Column] = set()
    for column in sorted(cells, key=lambda column: column.importance):
        needed = _width(column.title, cells[column])
        if column.importance > 0 and needed > width:
            break
        shown.add(column)
        width -= needed
    return [column for column in cells if column in shown]


def _width(title: str, cells: Iterable[str]) -> int:
    """Widest cell, the longest word of the title, and the space between columns."""
    longest_word = max(map(cell_len, title.split()))
    return min(max([longest_word, *map(cell_len, cells)]), _WIDEST_CELL) + 2
