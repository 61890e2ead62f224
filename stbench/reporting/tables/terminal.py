"""Leaderboards for a terminal: a table that is read in half a minute, or all of it where that is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table as Grid
from rich.text import Text

from stbench.names import cleaned
from stbench.reporting.tables.across import across_datasets
from stbench.reporting.tables.below import meanings_of, over_all, said_below, said_in_full
from stbench.reporting.tables.brief import brief_heading
from stbench.reporting.tables.columns import MISSING, heading
from stbench.reporting.tables.leaderboard import Table
from stbench.reporting.tables.terminal_grids import brief_grid, whole_grids
from stbench.wrapping import has_command, unbroken

# Wider than this and the eye loses the line; a file or another program has no eye.
WIDEST = 120


class LeaderboardView:
    """Rich renderable of some tables, never wider than the console.

    wide     all columns and rows, in blocks that fit, and every remark, in place of the brief table
    explain  what columns and numbers mean, below the tables
    """

    def __init__(self, tables: Sequence[Table], wide: bool = False, explain: bool = False):
        self.tables, self.wide, self.explain = tables, wide, explain

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not self.tables:
            yield Text("No results yet.")
        missing = MISSING if options.encoding.lower().startswith("utf") else "-"
        width = min(options.max_width, WIDEST) if console.is_terminal else options.max_width
        for table in self.tables:
            yield from (_whole if self.wide else _brief)(table, width, missing)
            yield Text()
        for line in (line for found in across_datasets(self.tables) for line in over_all(found)):
            yield Text(cleaned(line))
        if self.explain and self.tables:
            yield _meanings(meanings_of(self.tables, self.wide))
            yield Text()


def _brief(table: Table, width: int, missing: str) -> Iterator[Text | Grid]:
    yield Text(cleaned(brief_heading(table)), style="bold")
    grid, names = brief_grid(table, width, missing)
    yield grid
    for line in said_below(table, names):
        yield _line(line, width)


def _whole(table: Table, width: int, missing: str) -> Iterator[Text | Grid]:
    yield Text(heading(table), style="bold")
    yield from whole_grids(table, min(width, WIDEST), missing)
    for line in said_in_full(table):
        yield _line(line, width)


def _line(words: str, width: int) -> Text:
    """A sentence; one with a command to copy is broken elsewhere than there, and shown whole."""
    words = cleaned(words)
    if not has_command(words):
        return Text(words)
    return Text(unbroken(words, width), no_wrap=True, overflow="ignore")


def _meanings(meanings: Mapping[str, str]) -> Grid:
    grid = Grid.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, words in meanings.items():
        grid.add_row(Text(name), Text(cleaned(words)))
    return grid
