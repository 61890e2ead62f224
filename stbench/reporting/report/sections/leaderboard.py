"""The leaderboard as a grid, with what must be known to read it and the numbers that papers printed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stbench.names import shown_name
from stbench.reporting.report.grid import Grid, Heading, Line, listed, number, words
from stbench.reporting.report.sections.links import Cards, safe_address
from stbench.reporting.tables.brief import brief_rows, is_twin
from stbench.reporting.tables.columns import (
    columns_of,
    failures,
    heading,
    label,
    note,
    ranks,
    sentences,
)
from stbench.reporting.tables.leaderboard import Table
from stbench.reporting.tables.meanings import MEANINGS
from stbench.reporting.tables.published import WHY_APART
from stbench.reporting.tables.row import Row
from stbench.reporting.tables.row_notes import by_holders
from stbench.reporting.tables.side_blocks import PUBLISHED_COLUMNS

# Columns of more importance than this number are shown at once, and what a row must not be read without.
_LEAST_IMPORTANT, _ALWAYS = 9, ("pretrained", "budget")
# Where a row's name stands, behind its rank.
_NAME = 1
# More names than these are counted in a sentence, which is to be read at a glance.
_MOST_NAMED = 4


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


def leaderboard_section(
    table: Table,
    cards: Cards = Cards(),  # noqa: B008 - frozen, hence safe to share
) -> LeaderboardSection:
    """The leaderboard of one table; names of methods lead to their papers, as far as cards name these."""
    return LeaderboardSection(
        heading=heading(table),
        answer=_answer(table),
        grid=_grid(table, cards),
        sentences=sentences(table),
        notes=[*_notes(table), *failures(table)],
        published=_published(table),
    )


def _grid(table: Table, cards: Cards) -> Grid:
    columns = columns_of(table)
    headings = [
        Heading(
            column.title,
            column.is_number,
            MEANINGS.get(column.title, ""),
            column.importance > _LEAST_IMPORTANT and column.title not in _ALWAYS,
            column.title == "kind",
        )
        for column in columns
    ]
    lines = [
        Line(
            (place, *(column.cell(row) for column in columns)),
            row.kind,
            row.marks,
            row.is_faint,
            is_twin(row, table),
            _paper(row, cards),
        )
        for place, row in zip(_places(table), table.rows, strict=True)
    ]
    return Grid("Leaderboard, best PCC first", (Heading("#"), *headings), tuple(lines))


def _places(table: Table) -> Iterator[str]:
    """Place of each row among those that are shown at first, as a terminal numbers them; folded ones have none."""
    shown = ranks(brief_rows(table))
    return ("" if is_twin(row, table) else next(shown) for row in table.rows)


def _paper(row: Row, cards: Cards) -> dict[int, str]:
    """Place of the method's name -> address of its paper; {} without one."""
    about = cards.methods.get(row.method) if row.kind == "method" else None
    address = safe_address(about.paper_address) if about else ""
    return {_NAME: address} if address else {}


def _answer(table: Table) -> str:
    """What the tests by PCC say of the methods, or of floors where there is nothing else; led by what they cannot tell.

    "" for a table without rows that could be told apart.
    """
    contestants = [row for row in table.rows if row.kind != "ceiling" and not is_twin(row, table)]
    every = [row for row in contestants if row.kind != "floor"] or contestants
    methods = [row for row in every if row.ranked]
    if every and not methods:
        return "Nothing can be told yet: no method here has a rank, for none is finished on slides new to it."
    if not methods:
        return ""
    own = {row.label for row in methods}
    tests = [test for test in table.comparisons if test.method in own]
    if not tests:
        return "Nothing was tested: the reference row is not finished here, or patients are not stated."
    reference = listed(sorted({shown_name(test.reference) for test in tests}))
    by_verdict: dict[str, list[str]] = {}
    for test in tests:
        by_verdict.setdefault(test.verdict.partition(" with n=")[0], []).append(shown_name(test.method))
    n = max(test.n for test in tests)
    patients = f"{n} patient{'' if n == 1 else 's'}"
    unclear = by_verdict.pop("cannot be told", [])
    kind = "floors" if all(row.kind == "floor" for row in methods) else "methods"
    which = f"any of {len(unclear)} {kind}" if len(unclear) > _MOST_NAMED else listed(unclear)
    predict = "predicts" if len(unclear) == 1 or len(unclear) > _MOST_NAMED else "predict"
    said = [f"With {patients} it cannot be told whether {which} {predict} better than {reference}"]
    said = said if unclear else []
    said += [f"{verdict} than {reference} by test: {listed(names)}" for verdict, names in _claims(by_verdict)]
    same = by_verdict.get("equivalent", [])
    said += [f"equivalent to {reference} within 0.01: {listed(same)}"] if same else []
    sentence = "; ".join(said)
    return f"{sentence[0].upper()}{sentence[1:]} (PCC).{_of_floors(methods) if kind == 'floors' else ''}"


def _of_floors(floors: list[Row]) -> str:
    """What may be concluded of floors alone: what a method would have to beat, and how much of that is depth."""
    best = max(floors, key=lambda row: row.pcc or 0.0)
    null = f", beside a null (depth alone) of {number(best.pcc_null)}" if best.pcc_null is not None else ""
    return (
        " No method stands here, so nothing is said of any: the highest floor that one would have to beat is "
        f"{shown_name(best.label)}, {number(best.pcc)}{null}."
    )


def _claims(by_verdict: dict[str, list[str]]) -> list[tuple[str, list[str]]]:
    return [(verdict, names) for verdict, names in by_verdict.items() if verdict != "equivalent"]


def _notes(table: Table) -> list[str]:
    """Each remark once, beside all rows that it holds for; what holds for few rows first."""
    found = by_holders((label(row), _remarks(row)) for row in table.rows)
    by_rarity = sorted(found.items(), key=lambda item: len(item[0]))
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
