"""The leaderboard as a grid, with what must be known to read it and the numbers that papers printed."""

from __future__ import annotations

from dataclasses import dataclass

from stbench.names import shown_name
from stbench.reporting.report.grid import Grid, Heading, Line, listed, words
from stbench.reporting.tables.columns import (
    COLUMNS,
    failures,
    heading,
    label,
    note,
    ranks,
    sentences,
)
from stbench.reporting.tables.leaderboard import Table
from stbench.reporting.tables.published import WHY_APART
from stbench.reporting.tables.row import Row
from stbench.reporting.tables.side_blocks import PUBLISHED_COLUMNS

# Columns of more importance than this number are shown at once, and what a row must not be read without.
_LEAST_IMPORTANT, _ALWAYS = 9, ("pretrained", "budget")
_MEANINGS = {
    "PCC": "mean Pearson correlation per gene across a slide's spots, averaged over patients",
    "95% CI": "t interval over patients",
    "slide mean": "plain mean over slides",
    "null": "the same PCC against counts in which nothing but depth differs between spots",
    "PCC given depth": "PCC after sequencing depth is taken out of measured and predicted values",
    "equal-depth PCC": "PCC against counts cut down to one depth for all spots",
    "skill": "0 at the best floor, 1 at the ceiling",
    "RMSE": "root-mean-square error on the min-max scale of the training slides",
    "ARI": "agreement of clusters with the pathologist's annotation, 0 is chance",
    "variance ratio": "variance of the prediction over that of the measurement",
    "structure": "agreement of gene-gene correlations with depth taken out",
    "constant": "genes predicted as a constant",
    "steps": "fewest optimiser steps of any fold, and those of the publication's own training",
}


@dataclass(frozen=True)
class LeaderboardSection:
    """All rows; `answer` is the question of the page answered, `notes` are what must be known of single rows.

    `sentences` hold for all rows.
    """

    heading: str
    answer: str
    grid: Grid
    sentences: list[str]
    notes: list[str]
    published: Grid | None
    why_apart: str = WHY_APART


def leaderboard_section(table: Table) -> LeaderboardSection:
    """The leaderboard of one table."""
    return LeaderboardSection(
        heading=heading(table),
        answer=_answer(table),
        grid=_grid(table),
        sentences=sentences(table),
        notes=[*_notes(table), *failures(table)],
        published=_published(table),
    )


def _grid(table: Table) -> Grid:
    headings = [
        Heading(
            column.title,
            column.is_number,
            _MEANINGS.get(column.title, ""),
            column.importance > _LEAST_IMPORTANT and column.title not in _ALWAYS,
        )
        for column in COLUMNS
    ]
    lines = [
        Line((place, *(column.cell(row) for column in COLUMNS)), row.kind, row.marks, row.is_faint)
        for place, row in zip(ranks(table), table.rows, strict=True)
    ]
    return Grid("Leaderboard, best PCC first", (Heading("#"), *headings), tuple(lines))


def _answer(table: Table) -> str:
    """Which methods stand above the best floor, and whether the patients are enough to call that a difference."""
    methods = [row for row in table.rows if row.kind == "method" and row.ranked and row.pcc is not None]
    floor = next((row for row in table.rows if row.label == table.floor), None)
    if not methods or floor is None or floor.pcc is None:
        return ""
    above = [row for row in methods if (row.pcc or 0.0) > floor.pcc]
    stands = f"the best floor, {label(floor)} (PCC {floor.pcc:.3f})"
    if not above:
        return f"No method stands above {stands}."
    verb = "stands" if len(above) == 1 else "stand"
    told = {c.method for c in table.comparisons if c.verdict.startswith("better")}
    better = [label(row) for row in above if row.label in told]
    reference = shown_name(table.comparisons[0].reference) if table.comparisons else ""
    sure = (
        f"better than {reference} by test: {listed(better)}" if better else "no test tells any of them apart"
    )
    names = listed([*map(label, above)])
    return f"{names} {verb} above {stands}; {sure if table.comparisons else 'nothing was tested'}."


def _notes(table: Table) -> list[str]:
    """Each remark once, beside all rows that it holds for; what holds for few rows first."""
    rows_of: dict[str, list[str]] = {}
    for row in table.rows:
        for remark in _remarks(row):
            rows_of.setdefault(remark, []).append(label(row))
    remarks_of: dict[tuple[str, ...], list[str]] = {}
    for remark, rows in rows_of.items():
        remarks_of.setdefault(tuple(rows), []).append(remark)
    by_rarity = sorted(remarks_of.items(), key=lambda item: len(item[0]))
    return [f"{listed(rows)}: {'; '.join(remarks)}" for rows, remarks in by_rarity]


def _remarks(row: Row) -> list[str]:
    """What the row itself remarks, and that a row with missing folds has no place."""
    unranked = row.kind != "ceiling" and not row.ranked
    return [*filter(None, note(row).split("; ")), *(["not ranked"] if unranked else [])]


def _published(table: Table) -> Grid | None:
    if not table.published:
        return None
    lines = [Line(tuple(column.cell(row) for column in PUBLISHED_COLUMNS)) for row in table.published]
    titles = [column.title for column in PUBLISHED_COLUMNS]
    headings = (*words(titles[0]), Heading(titles[1]), Heading(titles[2]), *words(titles[3]))
    return Grid("Published elsewhere, never ranked with the rows above", headings, tuple(lines))
