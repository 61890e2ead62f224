"""Leaderboards for a paper and for a web page: LaTeX and HTML, through great-tables.

The best complete row of a column is bold, the second underlined. What LaTeX prints needs the packages booktabs and
caption; it is a fragment, one `table` for each leaderboard.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from stbench.errors import needs_package
from stbench.names import STAND_IN
from stbench.reporting.tables.columns import (
    COLUMNS,
    MISSING,
    SEEN,
    Column,
    columns_of,
    heading,
    ranks,
    sentences,
)
from stbench.reporting.tables.leaderboard import Table

if TYPE_CHECKING:
    from great_tables import GT

# Columns that a printed page has room for, and whether more is better, None where there is no better.
_SHOWN: dict[str, bool | None] = {
    "method": None,
    SEEN.title: None,
    "PCC": True,
    "95% CI": None,
    "patient range": None,
    "null": None,
    "PCC given depth": True,
    "equal-depth PCC": True,
    "skill": True,
    "RMSE": False,
    "ARI": True,
    "slides": None,
    "patients": None,
}
_INSTEAD = "The formats md, csv and json need none."
_PREAMBLE = "% Needs \\usepackage{booktabs} and \\usepackage{caption} in the preamble.\n"
Mark = Callable[[str], str]


class Style(NamedTuple):
    """How a format writes the best cell of a column, the second-best, and what others wrote.

    cell    a name in a cell, None where great-tables escapes it, which not every version does in HTML
    words   a title or note
    """

    bold: Mark
    underlined: Mark
    cell: Mark | None
    words: Callable[[str], Any]


def to_latex(tables: Sequence[Table]) -> str:
    """One booktabs table for each leaderboard."""
    style = Style(r"\textbf{{{}}}".format, r"\underline{{{}}}".format, None, str)
    text = "\n".join(_grid(table, style).as_latex() for table in tables)
    return _PREAMBLE + text.replace(STAND_IN, "?")  # a letter that few fonts of TeX have


def to_html(tables: Sequence[Table]) -> str:
    """A whole page that needs nothing from elsewhere, one table for each leaderboard."""
    style = Style("<b>{}</b>".format, "<u>{}</u>".format, escape, _as_html)
    grids = [_grid(table, style).as_raw_html(inline_css=False) for table in tables]
    title = "stbench leaderboard"
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{title}</title></head>\n<body>\n'
        + "\n".join(grids)
        + "\n</body>\n</html>\n"
    )


def _as_html(words: str) -> Any:
    from great_tables import html

    return html(escape(words))


def _grid(table: Table, style: Style) -> GT:
    import pandas as pd

    with needs_package("great-tables", "A leaderboard as LaTeX or HTML", _INSTEAD):
        from great_tables import GT

    columns = [column for column in columns_of(table) if column.title in _SHOWN]
    frame = pd.DataFrame({"#": list(ranks(table.rows))} | {c.title: _cells(table, c) for c in columns})
    grid = GT(frame, id=f"table-{table.id}").tab_header(title=style.words(heading(table)))
    grid = grid.cols_align("right", columns=["#", *(c.title for c in columns if c.is_number)])
    if style.cell is not None:
        grid = grid.fmt(style.cell, columns=COLUMNS[0].title)
    for column in columns:
        better = _SHOWN[column.title]
        if better is not None:
            grid = _marked(grid, table, column, better, style)
    for sentence in sentences(table):
        grid = grid.tab_source_note(style.words(sentence))
    return grid


def _cells(table: Table, column: Column) -> list[str]:
    if column is not COLUMNS[0]:
        return [column.cell(row) for row in table.rows]
    marks = [f" ({', '.join(row.marks)})" if row.marks else "" for row in table.rows]
    return [column.cell(row) + mark for row, mark in zip(table.rows, marks, strict=True)]


def _marked(grid: GT, table: Table, column: Column, more: bool, style: Style) -> GT:
    """Mark the best and the second-best value that is shown; rows that show the same share the mark."""
    shown = {i: column.cell(row) for i, row in enumerate(table.rows) if row.ranked}
    values = sorted({float(cell) for cell in shown.values() if cell != MISSING}, reverse=more)
    for value, mark in zip(values, (style.bold, style.underlined), strict=False):
        rows = [i for i, cell in shown.items() if cell != MISSING and float(cell) == value]
        grid = grid.fmt(mark, columns=column.title, rows=rows)
    return grid
