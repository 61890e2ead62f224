"""Tables of text on the terminal, with the heading above and the sentences below that belong to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stbench.errors import UsageError

if TYPE_CHECKING:
    from stbench.reporting.regions.sheets import Sheet
    from stbench.reporting.tables.leaderboard import Table

FORMATS = ("md", "csv", "json")


def chosen_format(format: str | None, json: bool) -> str | None:
    """The format asked for, None for the terminal; UsageError for one that there is not."""
    if format is not None and format not in FORMATS:
        raise UsageError(f"--format {format} is not one of {', '.join(FORMATS)}.")
    return "json" if json else format


def show(table: Table, sheets: Sequence[Sheet], sentences: Sequence[str]) -> None:
    """Print them to standard output."""
    from stbench.cli.consoles import output, say
    from stbench.cli.grids import print_grid
    from stbench.reporting.tables.brief import brief_heading

    output().print(brief_heading(table), style="bold", markup=False)
    for sheet in sheets:
        print_grid(sheet.titles, sheet.lines, sheet.n_words, sheet.caption)
    for sentence in sentences:
        say(sentence)


def warn(problems: Sequence[str]) -> None:
    """Print what could not be used to standard error."""
    from stbench.cli.consoles import messages

    for problem in problems:
        messages().print(f"warning: {problem}", markup=False)
