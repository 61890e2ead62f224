"""A leaderboard for a page that is read in half a minute: what a row is, what it scores, what of that depth gives."""

from __future__ import annotations

from stbench.names import shown_name
from stbench.reporting.tables.columns import MARKS, MISSING, Column, columns_of, older_protocol
from stbench.reporting.tables.leaderboard import Table
from stbench.reporting.tables.markdown import escaped
from stbench.reporting.tables.row import Row

# Titles of the columns that are left, at most eight with those that say what the row is.
BRIEF = ("method", "kind", "PCC", "95% CI", "null", "equal-depth PCC", "RMSE", "fit s")


def brief_rows(table: Table) -> list[Row]:
    """The rows without what tells little at first sight: a floor untuned, where it stands there tuned as well."""
    tuned = {row.method for row in table.rows if row.variant != "untuned"}
    return [row for row in table.rows if not (row.variant == "untuned" and row.method in tuned)]


def to_brief_markdown(table: Table) -> str:
    """A GitHub table of at most eight columns below a line that says whose slides they are."""
    columns = [column for column in columns_of(table) if column.title in BRIEF]
    lines = [
        [column.title for column in columns],
        ["--:" if column.is_number else ":--" for column in columns],
        *([_cell(column, row) for column in columns] for row in brief_rows(table)),
    ]
    shown = {mark for row in brief_rows(table) for mark in row.marks}
    marks = [f"**{mark}**: {meaning}" for mark, meaning in MARKS.items() if mark in shown]
    grid = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return "\n".join([f"**{escaped(_title(table))}**", "", *([*marks, ""] if marks else []), grid])


def _title(table: Table) -> str:
    identity = table.identity
    patients = f" of {table.n_patients} patients" if table.n_patients else ""
    parts = [
        f"{shown_name(identity.dataset)}: {len(identity.slides)} slides{patients}",
        f"split by {identity.split}",
        f"genes {identity.genes}",
        f"inner {identity.inner}" if identity.inner != "none" else "",
        f"tuned on {identity.tune_on}" if identity.inner != "none" and identity.tune_on != "pcc" else "",
        older_protocol(identity),
    ]
    return ", ".join(filter(None, parts))


def _cell(column: Column, row: Row) -> str:
    cell = escaped(column.cell(row)) or MISSING
    return " ".join([cell, *(f"**{mark}**" for mark in row.marks)]) if column.title == "method" else cell
