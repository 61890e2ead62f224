"""One verdict a method over all data sets: tables that differ in nothing but their data, tested together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from stbench.record import TableIdentity
from stbench.reporting.statistics import AcrossDatasets, compare_across
from stbench.reporting.tables.against_reference import paired_means
from stbench.reporting.tables.leaderboard import Table
from stbench.reporting.tables.row import Row
from stbench.reporting.tables.rows import CORRELATIONS


@dataclass(frozen=True)
class Across:
    """Tables of several data sets made by the same recipe, and the tests over all of them, score by score."""

    datasets: tuple[str, ...]
    tables: tuple[str, ...]
    reference: str
    tests: Mapping[str, tuple[AcrossDatasets, ...]]


def across_datasets(tables: Sequence[Table]) -> list[Across]:
    """The tests over each set of tables of two or more data sets; of one data set's tables the first counts."""
    alike: dict[TableIdentity, dict[str, Table]] = {}
    for table in tables:
        if len(table.references) == 1:
            alike.setdefault(recipe(table.identity), {}).setdefault(table.identity.dataset, table)
    found = [_across(list(members.values())) for members in alike.values() if len(members) > 1]
    return [across for across in found if any(across.tests.values())]


def recipe(identity: TableIdentity) -> TableIdentity:
    """What two data sets' tables can have in common; patches fit each data set's own spots and pixels."""
    return replace(identity, dataset="", slides=(), data="", panel="", patch="")


def _across(tables: Sequence[Table]) -> Across:
    reference = tables[0].references[0]
    of_reference = [table for table in tables if table.references == (reference,)]
    tests = {
        score: tuple(
            compare_across(
                {table.identity.dataset: _scores(table, score) for table in of_reference}, reference
            )
        )
        for score in CORRELATIONS
    }
    return Across(
        tuple(table.identity.dataset for table in of_reference),
        tuple(table.id for table in of_reference),
        reference,
        tests,
    )


def _scores(table: Table, score: str) -> dict[str, dict[str, float]]:
    """Label -> patient -> score, of contestants and the reference: floors and untuned twins are tested apart."""
    (name,) = table.references
    reference = next(row for row in table.rows if row.label == name)
    contestants = [row for row in table.rows if _contests(row)]
    scores = {row.label: paired_means(row, reference, score) for row in (reference, *contestants)}
    return {label: means for label, means in scores.items() if means}


def _contests(row: Row) -> bool:
    left_out = row.variant == "untuned" or row.replaced or row.saw_test
    return row.kind in ("method", "released", "external") and not left_out
