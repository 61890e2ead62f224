"""Leaderboards as files: Markdown, CSV and JSON here, LaTeX and HTML in typeset.py.

The same tables give the same bytes.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from stbench.reporting.tables.columns import COLUMNS, MISSING, failures, heading, ranks, sentences
from stbench.reporting.tables.leaderboard import Table
from stbench.reporting.tables.row import Row
from stbench.reporting.tables.side_blocks import (
    PUBLISHED_COLUMNS,
    PUBLISHED_HEADING,
    ari_sentence,
    comparison_cells,
    comparison_columns,
    comparison_heading,
)
from stbench.reporting.tables.typeset import to_html, to_latex


def plain(tables: Sequence[Table]) -> dict[str, Any]:
    """The tables as the values of the JSON document; None stands for a value that does not exist."""
    return {
        "tables": [
            table.facts()
            | {
                "rows": [asdict(row) | {"marks": list(row.marks)} for row in (*table.rows, *table.published)],
                "ari_references": dict(table.ari_references),
                "comparisons": [asdict(comparison) for comparison in table.comparisons],
            }
            for table in tables
        ]
    }


def to_json(tables: Sequence[Table]) -> str:
    """The JSON document that `stbench leaderboard --json` prints."""
    return json.dumps(plain(tables), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def to_csv(tables: Sequence[Table]) -> str:
    """One line for each row of each table, numbers in full; an empty cell is a value that does not exist."""
    lines = [_csv_line(table, row) for table in tables for row in table.rows]
    text = io.StringIO()
    if lines:
        writer = csv.DictWriter(text, fieldnames=list(lines[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
    return text.getvalue()


def _csv_line(table: Table, row: Row) -> dict[str, Any]:
    facts = {"table" if name == "id" else name: value for name, value in table.facts().items()}
    fields = {name: value for name, value in vars(row).items() if name not in ("slides", "pcc_ci")}
    low, high = row.pcc_ci or (None, None)
    line = facts | fields | {"pcc_ci_low": low, "pcc_ci_high": high}
    return {name: _csv_cell(value) for name, value in line.items()}


def _csv_cell(value: Any) -> Any:
    if isinstance(value, Mapping):
        return " ".join(f"{name}={item}" for name, item in value.items())
    return " ".join(map(str, value)) if isinstance(value, tuple) else value


def to_markdown(tables: Sequence[Table]) -> str:
    """GitHub tables, each below the line that says what its rows have in common."""
    if not tables:
        return "No results yet.\n"
    return "\n".join(_markdown_table(table) for table in tables)


def _markdown_table(table: Table) -> str:
    titles = ["#", *(column.title for column in COLUMNS), "note"]
    rules = ["--:", *("--:" if column.is_number else ":--" for column in COLUMNS), ":--"]
    lines = [titles, rules]
    for place, row in zip(ranks(table), table.rows, strict=True):
        cells = [column.cell(row) for column in COLUMNS]
        cells[0] += "".join(f" {_bold(mark)}" for mark in row.marks)
        lines.append([place, *cells, row.note or MISSING])
    body = "\n".join("| " + " | ".join(map(_escaped, line)) + " |" for line in lines)
    failed = "\n".join(f"- {_escaped(line)}" for line in failures(table))
    parts = [
        f"### {heading(table)}",
        "\n".join(sentences(table, _bold)),
        body,
        failed,
        ari_sentence(table),
        _markdown_comparisons(table),
        _markdown_published(table),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _markdown_comparisons(table: Table) -> str:
    if not table.comparisons:
        return ""
    return "\n".join(
        [
            comparison_heading(table),
            "",
            *_grid([column.title for column in comparison_columns(table)], comparison_cells(table)),
        ]
    )


def _markdown_published(table: Table) -> str:
    if not table.published:
        return ""
    cells = [[c.cell(row) for c in PUBLISHED_COLUMNS] for row in table.published]
    return "\n".join([PUBLISHED_HEADING, "", *_grid([c.title for c in PUBLISHED_COLUMNS], cells)])


def _grid(titles: Sequence[str], lines: Sequence[Sequence[str]]) -> list[str]:
    """A GitHub table of words and numbers."""
    rules = [":--"] * len(titles)
    return ["| " + " | ".join(map(_escaped, line)) + " |" for line in (titles, rules, *lines)]


def _bold(words: str) -> str:
    return f"**{words}**"


def _escaped(cell: str) -> str:
    return " ".join(cell.split()).replace("|", "\\|")


FORMATS: Mapping[str, Callable[[Sequence[Table]], str]] = {
    "md": to_markdown,
    "csv": to_csv,
    "latex": to_latex,
    "html": to_html,
    "json": to_json,
}
