"""A leaderboard that is read in half a minute: what a row is, what it scores, what of that depth gives."""

from __future__ import annotations

from collections.abc import Sequence

from stbench.names import counted
from stbench.record import Record
from stbench.reporting.tables.columns import (
    MARKS,
    MISSING,
    Column,
    columns_of,
    dataset_words,
    inner_words,
    older_protocol,
    panel_size,
)
from stbench.reporting.tables.leaderboard import Table
from stbench.reporting.tables.markdown import escaped
from stbench.reporting.tables.row import Row

# Titles of the columns that are left, at most eight: a table has an interval or a range.
BRIEF = ("method", "kind", "PCC", "95% CI", "patient range", "null", "equal-depth PCC", "RMSE", "fit s")
# What a table has unless its heading says otherwise.
_USUAL = {"scale": "minmax", "target": "logcpm"}


def brief_rows(table: Table) -> list[Row]:
    """The rows but floors untuned that stand there tuned and as complete: these tell little at first sight."""
    return [row for row in table.rows if not is_twin(row, table)]


def is_twin(row: Row, table: Table) -> bool:
    """Whether a row is a floor untuned that stands in the table tuned as well, on no fewer slides."""
    return row.variant == "untuned" and any(
        other.method == row.method and other.variant != "untuned" and _complete(other) >= _complete(row)
        for other in table.rows
    )


def _complete(row: Row) -> tuple[bool, int]:
    return row.ranked, row.n_slides


def folded(table: Table) -> str:
    """Which rows `brief_rows` leaves out, in a sentence; "" where it leaves out none."""
    n = sum(is_twin(row, table) for row in table.rows)
    return f"{counted(n, 'untuned twin')} of floors left out." if n else ""


def unfinished(table: Table) -> str:
    """How many rows lack folds that nobody has tried yet, and how they get them; "" where none does."""
    if older_protocol(table.identity):  # the same command would make another table
        return ""
    made_here = [row.label for row in table.rows if row.kind in ("method", "floor")]
    n = sum(_lacks_folds(table.members.get(label, ())) for label in made_here)
    if not n:
        return ""
    rows = "1 row does" if n == 1 else f"{n} rows do"
    n_slides = len(table.identity.slides)
    return f"Unfinished: {rows} not have all {n_slides} slides yet; run the same command again to go on."


def _lacks_folds(records: Sequence[Record]) -> bool:
    """Whether one of a row's seeds has folds without any Record, be it of a failure."""
    tried: dict[int, set[str]] = {}
    for record in records:
        tried.setdefault(record.seed, set()).add(record.fold)
    return any(len(tried[record.seed]) < record.n_folds for record in records)


def brief_heading(table: Table) -> str:
    """Whose slides they are and by what rules, as far as a first reader needs it; the rest is in the full heading."""
    identity = table.identity
    patients = f" of {counted(table.n_patients, 'patient')}" if table.n_patients else ", patients not stated"
    parts = [
        f"{dataset_words(table)}: {counted(len(identity.slides), 'slide')}{patients}",
        f"split by {identity.split}",
        inner_words(identity),
        f"genes {identity.genes}{panel_size(table)}",
        *(f"{name} {getattr(identity, name)}" for name in _USUAL if getattr(identity, name) != _USUAL[name]),
        "" if identity.encoder or not identity.patch else "several encoders",
        f"suite {table.suite}" if table.suite else "",
        older_protocol(identity),
        f"table {table.id}",
    ]
    return ", ".join(filter(None, parts))


def to_brief_markdown(table: Table) -> str:
    """A GitHub table of at most eight columns below a line that says whose slides they are."""
    columns, rows = [column for column in columns_of(table) if column.title in BRIEF], brief_rows(table)
    lines = [
        [column.title for column in columns],
        ["--:" if column.is_number else ":--" for column in columns],
        *([_cell(column, row) for column in columns] for row in rows),
    ]
    shown = {mark for row in rows for mark in row.marks}
    marks = [f"**{mark}**: {meaning}" for mark, meaning in MARKS.items() if mark in shown]
    grid = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    said = " ".join(filter(None, (unfinished(table), folded(table))))
    left_out = [f"\n{said}\n"] if said else []
    return "\n".join(
        [f"**{escaped(brief_heading(table))}**", "", *([*marks, ""] if marks else []), grid, *left_out]
    )


def _cell(column: Column, row: Row) -> str:
    cell = escaped(column.cell(row)) or MISSING
    return " ".join([cell, *(f"**{mark}**" for mark in row.marks)]) if column.title == "method" else cell
