"""Leaderboards as files: CSV and JSON here, Markdown in markdown.py, LaTeX and HTML in typeset.py.

The same tables give the same bytes.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from stbench.names import printable
from stbench.reporting.statistics import AcrossDatasets, Comparison
from stbench.reporting.tables.across import Across, across_datasets
from stbench.reporting.tables.leaderboard import Table
from stbench.reporting.tables.markdown import to_markdown
from stbench.reporting.tables.row import Row
from stbench.reporting.tables.typeset import to_html, to_latex

# What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@")


def plain(tables: Sequence[Table]) -> dict[str, Any]:
    """The tables as the values of the JSON document; None stands for a value that does not exist."""
    return {
        "tables": [
            table.facts()
            | {
                "encoder": table.identity.encoder or None,
                "rows": [_row(row) for row in (*table.rows, *table.published)],
                "ari_references": dict(table.ari_references),
                "tests": {score: [_test(test) for test in tests] for score, tests in table.tests.items()},
            }
            for table in tables
        ],
        "across": [_across(found) for found in across_datasets(tables)],
    }


def _across(found: Across) -> dict[str, Any]:
    tests = {score: [_test(test) for test in tests] for score, tests in found.tests.items()}
    return asdict(found) | {"tests": tests}


def _row(row: Row) -> dict[str, Any]:
    return {"label": row.label} | asdict(row) | {"marks": list(row.marks)}


def _test(test: Comparison | AcrossDatasets) -> dict[str, Any]:
    values = asdict(test)
    return {"ci": values.pop("interval")} | values


def to_json(tables: Sequence[Table]) -> str:
    """The JSON document that `stbench leaderboard --json` prints."""
    return json.dumps(plain(tables), indent=2, allow_nan=False) + "\n"


def to_csv(tables: Sequence[Table]) -> str:
    """One line for each row of each table, numbers in full; an empty cell is a value that does not exist.

    An apostrophe stands before words that a spreadsheet would take for a formula.
    """
    return csv_text([_csv_line(table, row) for table in tables for row in table.rows])


def csv_text(lines: Sequence[Mapping[str, Any]]) -> str:
    """Lines with the same names as CSV, in the order of the first; "" without any."""
    text = io.StringIO()
    if lines:
        writer = csv.DictWriter(text, fieldnames=list(lines[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _csv_cell(value) for name, value in line.items()} for line in lines)
    return text.getvalue()


def _csv_line(table: Table, row: Row) -> dict[str, Any]:
    facts = {"table" if name == "id" else name: value for name, value in table.facts().items()}
    fields = {name: value for name, value in vars(row).items() if name not in ("slides", "notes")}
    line = {"label": row.label} | facts | {"note": row.note}
    for name, value in fields.items():
        if name.endswith(("_ci", "_range")):
            line[f"{name}_low"], line[f"{name}_high"] = value or (None, None)
        else:
            line[name] = value
    return line


def _csv_cell(value: Any) -> Any:
    if isinstance(value, Mapping):
        value = " ".join(f"{name}={item}" for name, item in value.items())
    elif isinstance(value, tuple):
        value = " ".join(map(str, value))
    if not isinstance(value, str):
        return value
    words = " ".join(printable(value).split("\n"))
    return f"'{words}" if words.lstrip().startswith(_FORMULA) else words


FORMATS: Mapping[str, Callable[[Sequence[Table]], str]] = {
    "md": to_markdown,
    "csv": to_csv,
    "latex": to_latex,
    "html": to_html,
    "json": to_json,
}
