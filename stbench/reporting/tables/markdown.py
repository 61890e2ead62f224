"""Leaderboards as GitHub Markdown; whatever a name or note holds, it is shown as it reads and marks up nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence

from stbench.names import printable, shown_name
from stbench.reporting.tables.across import Across, across_datasets
from stbench.reporting.tables.columns import MISSING, columns_of, failures, heading, ranks, sentences
from stbench.reporting.tables.leaderboard import Table
from stbench.reporting.tables.side_blocks import (
    ACROSS_TITLES,
    PUBLISHED_COLUMNS,
    PUBLISHED_HEADING,
    across_cells,
    across_heading,
    ari_sentence,
    comparison_cells,
    comparison_columns,
    comparison_heading,
)

# Letters that mark up wherever they stand; an underscore does so at the edge of a word only. What makes an address
# a link is its colon, or the full stop after www.
_MARKS = re.compile(r"[\\`*\[\]<>|~&$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|:(?=//)|(?i:(?<=\bwww))\.")
# What begins a heading, list, quotation or rule where a line starts with it.
_FIRST = re.compile(r"^(\d*)([-+#=.)])")


def to_markdown(tables: Sequence[Table]) -> str:
    """GitHub tables, each below the line that says what its rows have in common."""
    if not tables:
        return "No results yet.\n"
    return "\n".join([*map(_table, tables), *map(_across, across_datasets(tables))])


def escaped(text: str) -> str:
    """The text on one line, with a backslash before all that Markdown would not show as it reads."""
    return _MARKS.sub(r"\\\g<0>", " ".join(printable(text).split()))


def escaped_line(text: str) -> str:
    """The same where the text begins a line, and might begin a list or a heading."""
    return _FIRST.sub(r"\1\\\2", escaped(text))


def _table(table: Table) -> str:
    titles = ["#", *(column.title for column in columns_of(table)), "note"]
    rules = ["--:", *("--:" if column.is_number else ":--" for column in columns_of(table)), ":--"]
    lines = []
    for place, row in zip(ranks(table.rows), table.rows, strict=True):
        cells = [escaped(column.cell(row)) for column in columns_of(table)]
        cells[0] += "".join(f" {_bold(mark)}" for mark in row.marks)
        lines.append([place, *cells, escaped(row.note) or MISSING])
    parts = [
        f"### {escaped(heading(table))}",
        "\n".join(sentences(table, _bold, escaped_line)),
        "\n".join(map(_line, [titles, rules, *lines])),
        "\n".join(f"- {escaped_line(line)}" for line in failures(table)),
        escaped_line(ari_sentence(table)),
        *(_comparisons(table, score) for score in table.tests),
        _published(table),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _comparisons(table: Table, score: str) -> str:
    if not table.tests[score]:
        return ""
    titles = [column.title for column in comparison_columns(table)]
    heading = comparison_heading(table, score, escaped)
    return "\n".join([heading, "", *_grid(titles, comparison_cells(table, score))])


def _across(found: Across) -> str:
    """One line a method over several data sets."""
    blocks = [
        "\n".join([across_heading(found, score, escaped), "", *_grid(ACROSS_TITLES, across_cells(tests))])
        for score, tests in found.tests.items()
        if tests
    ]
    return "\n\n".join([f"### Across {escaped(', '.join(map(shown_name, found.datasets)))}", *blocks]) + "\n"


def _published(table: Table) -> str:
    if not table.published:
        return ""
    cells = [[column.cell(row) for column in PUBLISHED_COLUMNS] for row in table.published]
    return "\n".join([PUBLISHED_HEADING, "", *_grid([c.title for c in PUBLISHED_COLUMNS], cells)])


def _grid(titles: Sequence[str], lines: Sequence[Sequence[str]]) -> list[str]:
    """A GitHub table of words and numbers."""
    return [_line(titles), _line([":--"] * len(titles)), *(_line([*map(escaped, line)]) for line in lines)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _bold(words: str) -> str:
    return f"**{words}**"
