"""Regions of tissue by their genes: differential expression and enrichment, measured beside predicted.

Smooth predictions make every test surer, whatever they know of tissue. So the same is done with a prediction of each
spot's depth and nothing else, and stands in the same table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from stbench import registry
from stbench.biology.agreement import Agreement, agreement
from stbench.biology.differential import GeneList, Spots, differential, too_few
from stbench.biology.enrichment import Enriched, enrichment
from stbench.biology.gene_sets import read_gmt, within
from stbench.commands.held_results import held_dataset
from stbench.commands.leaderboard import tables_of
from stbench.errors import UnknownName, UsageError
from stbench.metrics.counts import log_expression
from stbench.record import Record, SlideTruth
from stbench.reporting.regions.gene_sources import CONTROLS, MEASURED
from stbench.reporting.results.store import RunStore
from stbench.reporting.tables.leaderboard import Table
from stbench.reporting.tables.presets import is_called
from stbench.reporting.tables.row import Row


@dataclass(frozen=True, eq=False)
class Contrast:
    """What one source of expression says of two regions.

    agreement  with the measured list, None for that itself
    sets       (genes up in the first region, in the second) -> the gene sets among them
    """

    source: str
    genes: GeneList
    agreement: Agreement | None = None
    sets: tuple[Mapping[str, Enriched], Mapping[str, Enriched]] = ({}, {})


@dataclass(frozen=True, eq=False)
class Enrichment:
    """The contrasts of one leaderboard's table: measured, the method, the control.

    left_out  a sentence for each slide that has too few spots of a region
    """

    table: Table
    regions: tuple[str, str]
    contrasts: tuple[Contrast, ...]
    left_out: tuple[str, ...] = ()
    sets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def enrich(
    out: Path, dataset: str, method: str, groups: Sequence[str], gmt: Path | None = None
) -> list[Enrichment]:
    """One for each table of the data set that has the method and a control, with what is stored below `out`.

    Raises UsageError for regions that nobody annotated or too few spots of them, a GMT that is none, gene sets of other
    names than the panel's, or predictions that are not kept here; UnknownName for a row that is not there.
    """
    sets = read_gmt(gmt) if gmt else None
    method = registry.canonical_name("method", method)
    store = RunStore(out)
    records = store.records()[0]
    dataset = held_dataset(records, dataset, out, [method])
    tables = [t for t in tables_of(records) if t.identity.dataset == dataset]
    rows = [row for table in tables for row in table.rows if row.label in table.members]
    named = {row.label for row in rows if _is(row, method)}
    if not named:
        labels = {row.label for row in rows}
        raise UnknownName(f"row in the leaderboards of {dataset} under {out}", method, labels)
    return [
        _of_table(store, table, label, groups, sets, gmt)
        for table in tables
        for label in table.members
        if label in named
    ]


def _is(row: Row, name: str) -> bool:
    """The row of that name, else every row of that method; its untuned twin is meant by its full name alone."""
    return name in row.names or (row.variant != "untuned" and is_called(row.names, name))


def _of_table(
    store: RunStore,
    table: Table,
    label: str,
    groups: Sequence[str],
    sets: Mapping[str, tuple[str, ...]] | None,
    gmt: Path | None,
) -> Enrichment:
    control = next((name for wanted in CONTROLS for name in table.members if name == wanted), None)
    if control is None:
        raise UsageError(
            f"Table {table.id} has no row that knows depth alone ({' or '.join(CONTROLS)}), and without that control "
            "nothing can be said; run it with the same options."
        )
    records = {name: first_seed(table.members[name]) for name in (label, control)}
    measured = _measured(store, records[label])
    _check_regions(measured, groups)
    first, second = groups
    sources = {MEASURED: measured} | {
        name: _predicted(store, of_row, measured) for name, of_row in records.items()
    }
    lists = {name: differential(spots, first, second) for name, spots in sources.items()}
    panel = lists[MEASURED].genes
    kept = within(sets, panel, gmt) if sets and gmt else {}
    contrasts = tuple(_contrast(name, genes, lists[MEASURED], kept, panel) for name, genes in lists.items())
    left_out = tuple(filter(None, (too_few(spots, first, second) for spots in measured)))
    return Enrichment(table, (first, second), contrasts, left_out, kept)


def _contrast(
    source: str,
    genes: GeneList,
    measured: GeneList,
    sets: Mapping[str, tuple[str, ...]],
    panel: Sequence[str],
) -> Contrast:
    both = (enrichment(one.up(), sets, panel) if sets else {} for one in (genes, genes.opposite()))
    up, in_second = both
    return Contrast(
        source, genes, None if source == MEASURED else agreement(measured, genes), (up, in_second)
    )


def first_seed(records: Iterable[Record]) -> list[Record]:
    """Predictions are never averaged: the finished folds of the first seed."""
    finished = [record for record in records if record.finished]
    return [record for record in finished if record.seed == min(r.seed for r in finished)]


def _measured(store: RunStore, records: Sequence[Record]) -> list[Spots]:
    """What was measured on each test slide's scored spots, with their regions."""
    spots = []
    for record in records:
        for truth in store.load_truths(record).values():
            expression = log_expression(truth.counts[truth.scored], truth.totals[truth.scored])
            spots.append(Spots(truth.slide, truth.genes, expression, _regions(truth)))
    if not spots:
        raise UsageError(
            f"What was measured is not kept under {store.out}; run the method there, or join a bundle that holds it."
        )
    return spots


def _regions(truth: SlideTruth) -> np.ndarray:
    n = int(truth.scored.sum())
    return (
        np.full(n, "") if truth.annotation is None else np.asarray(truth.annotation)[truth.scored].astype(str)
    )


def _predicted(store: RunStore, records: Sequence[Record], measured: Sequence[Spots]) -> list[Spots]:
    """What was predicted for the same spots and genes; slides of which nothing was measured there are left out."""
    by_slide = {spots.slide: spots for spots in measured}
    found = []
    for record in records:
        predictions = store.load_predictions(record.key)
        for name, truth in store.load_truths(record).items():
            if name not in by_slide:  # the method has no result there, but the control does
                continue
            if name not in predictions:
                raise UsageError(
                    f"The predictions of {record.row.method} for slide {name} are not kept under {store.out}."
                )
            covered = np.isin(record.panel_genes, truth.genes)
            values = predictions[name][:, covered][truth.scored]
            found.append(Spots(name, truth.genes, values, by_slide[name].groups))
    return found


def _check_regions(measured: Sequence[Spots], groups: Sequence[str]) -> None:
    """UsageError, with the regions that there are, for anything but two of them."""
    labels = {str(label) for spots in measured for label in np.unique(spots.groups)} - {""}
    if not labels:
        raise UsageError("No test slide of this table is annotated, so that there are no regions to compare.")
    there_are = f"There are: {', '.join(sorted(labels))}."
    for group in groups:
        if group not in labels:
            unknown = UnknownName("region", group, labels)
            raise UsageError(str(unknown) if there_are in str(unknown) else f"{unknown} {there_are}")
    if len(groups) != 2 or groups[0] == groups[1]:
        found = ", ".join(groups) or "none"
        raise UsageError(f'--groups takes two regions, "A,B"; found {found}. {there_are}')
