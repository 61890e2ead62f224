"""The leaderboard as a grid, with what must be known to read it and the numbers that papers printed."""

from __future__ import annotations

from dataclasses import dataclass

from stbench.reporting.columns import COLUMNS, failures, heading, ranks, sentences
from stbench.reporting.leaderboard import Table
from stbench.reporting.published import WHY_APART
from stbench.reporting.report.grid import Grid, Heading, Line, words
from stbench.reporting.row import Row
from stbench.reporting.side_blocks import PUBLISHED_COLUMNS

# Columns of more importance than this number are shown at once.
_LEAST_IMPORTANT = 9
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
}


@dataclass(frozen=True)
class LeaderboardSection:
    """All rows; `notes` are what must be known of single rows, `sentences` what holds for all."""

    heading: str
    grid: Grid
    sentences: list[str]
    notes: list[str]
    published: Grid | None
    why_apart: str = WHY_APART


def leaderboard_section(table: Table) -> LeaderboardSection:
    """The leaderboard of one table."""
    return LeaderboardSection(
        heading=heading(table),
        grid=_grid(table),
        sentences=sentences(table),
        notes=[*(f"{row.label}: {_note(row)}" for row in table.rows if _note(row)), *failures(table)],
        published=_published(table),
    )


def _grid(table: Table) -> Grid:
    headings = [
        Heading(
            column.title,
            column.is_number,
            _MEANINGS.get(column.title, ""),
            column.importance > _LEAST_IMPORTANT,
        )
        for column in COLUMNS
    ]
    lines = [
        Line((place, *(column.cell(row) for column in COLUMNS)), row.kind)
        for place, row in zip(ranks(table), table.rows, strict=True)
    ]
    return Grid("Leaderboard, best PCC first", (Heading("#"), *headings), tuple(lines))


def _note(row: Row) -> str:
    """What the row itself remarks, and that a row with missing folds has no place."""
    if row.kind == "ceiling" or row.ranked:
        return row.note
    return f"{row.note} and not ranked" if ";" not in row.note else f"not ranked; {row.note}"


def _published(table: Table) -> Grid | None:
    if not table.published:
        return None
    lines = [Line(tuple(column.cell(row) for column in PUBLISHED_COLUMNS)) for row in table.published]
    titles = [column.title for column in PUBLISHED_COLUMNS]
    headings = (*words(titles[0]), Heading(titles[1]), Heading(titles[2]), *words(titles[3]))
    return Grid("Published elsewhere, never ranked with the rows above", headings, tuple(lines))
