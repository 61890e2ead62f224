"""One verdict a method over all data sets: tables that differ in nothing but their data, tested together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from stbench.names import shown_name
from stbench.record import TableIdentity
from stbench.reporting.statistics import AcrossDatasets, compare_across
from stbench.reporting.tables.against_reference import paired_means
from stbench.reporting.tables.leaderboard import Table
from stbench.reporting.tables.row import Row
from stbench.reporting.tables.rows import CORRELATIONS


@dataclass(frozen=True)
class Across:
    """Tables of several data sets made by the same recipe, and the tests over all of them, score by score.

    patches  in words, where the data sets' differ
    """

    datasets: tuple[str, ...]
    tables: tuple[str, ...]
    reference: str
    tests: Mapping[str, tuple[AcrossDatasets, ...]]
    patches: str = ""


def across_datasets(tables: Sequence[Table]) -> list[Across]:
    """The tests over each set of tables of two or more data sets; of one data set's tables the first counts."""
    tested = [table for table in tables if len(table.references) == 1]
    found = [
        _across([tested[place] for place in places])
        for places in meeting([table.identity for table in tested])
    ]
    return [across for across in found if any(across.tests.values())]


def meeting(identities: Sequence[TableIdentity]) -> list[list[int]]:
    """Positions of tables that can stand beside each other, one of each of several data sets, made by one recipe.

    With patches of one size where two data sets have such; else with each data set's own, which `patches_apart` tells.
    """
    alike = _by_recipe(identities, _recipe)
    met = {replace(recipe, patch="") for recipe in alike}
    apart = _by_recipe(identities, lambda identity: replace(_recipe(identity), patch=""))
    return [*alike.values(), *(places for recipe, places in apart.items() if recipe not in met)]


def patches_apart(identities: Sequence[TableIdentity]) -> str:
    """The patches of each data set in words, where they differ; else ""."""
    if len({identity.patch for identity in identities}) < 2:
        return ""
    named = (f"{identity.patch or 'none'} on {shown_name(identity.dataset)}" for identity in identities)
    return f"patches differ: {', '.join(named)}"


def _by_recipe(
    identities: Sequence[TableIdentity], recipe: Callable[[TableIdentity], TableIdentity]
) -> dict[TableIdentity, list[int]]:
    """Recipes of two data sets or more, with the first table of each data set."""
    found: dict[TableIdentity, dict[str, int]] = {}
    for place, identity in enumerate(identities):
        found.setdefault(recipe(identity), {}).setdefault(identity.dataset, place)
    return {key: list(places.values()) for key, places in found.items() if len(places) > 1}


def _recipe(identity: TableIdentity) -> TableIdentity:
    """What two data sets' tables can have in common."""
    return replace(identity, dataset="", slides=(), data="", panel="")


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
        patches_apart([table.identity for table in of_reference]),
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
