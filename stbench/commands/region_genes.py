"""Two regions' genes for the page: what `stbench enrich` finds, for every row of a table at once."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import numpy as np

from stbench.biology.agreement import agreement
from stbench.biology.differential import GeneList, Spots, differential, too_few
from stbench.commands.enrich import first_seed
from stbench.errors import StorageError, UsageError
from stbench.record import Record
from stbench.reporting.regions.gene_sources import MEASURED
from stbench.reporting.regions.labels import labels_of, region_sizes
from stbench.reporting.regions.scored import scored_expression, scored_prediction
from stbench.reporting.report.sections.enrichment import GenesOfRegions, SourceOfGenes
from stbench.reporting.report.stored import StoredArrays
from stbench.reporting.tables.brief import is_twin
from stbench.reporting.tables.leaderboard import Table
from stbench.reporting.tables.row import Row


def genes_of_regions(table: Table, stored: StoredArrays) -> GenesOfRegions | None:
    """The genes of a table's two largest regions, tumour first where the data set says what that is.

    None where no slide has two regions, or what was predicted is not kept. Of each row the first seed counts;
    predictions are never averaged.
    """
    if table.identity.target != "logcpm":  # fold changes of residuals are none
        return None
    rows = [
        (row, first_seed(table.members[row.label]))
        for row in table.rows
        if row.label in table.members and not is_twin(row, table)
    ]
    measured, regions = _fullest(rows, stored)
    if regions is None:
        return None
    lists: dict[frozenset[Hashable], GeneList] = {}
    found = (_of_row(row, *_spots(records, stored), regions, lists) for row, records in rows)
    sources = [source for source in found if source is not None]
    if not sources:
        return None
    of_measured = differential(measured, *regions)
    left_out = tuple(filter(None, (too_few(spots, *regions) for spots in measured)))
    first = _source(MEASURED, "", of_measured, None)
    return GenesOfRegions(regions, of_measured.slides, (first, *sources), left_out)


def _fullest(
    rows: Iterable[tuple[Row, list[Record]]], stored: StoredArrays
) -> tuple[list[Spots], tuple[str, str] | None]:
    """What was measured on the slides of the row that has most of them, and two regions there.

    Others lack folds; what was predicted elsewhere, or fitted elsewhere, may cover a part of the spots.
    """
    in_order = sorted(rows, key=lambda pair: (pair[0].kind in ("external", "released"), -len(pair[1])))
    for _, records in in_order:
        measured = _spots(records, stored)[1]
        if regions := _two_regions(measured, records):
            return measured, regions
    return [], None


def _of_row(
    row: Row,
    predicted: list[Spots],
    measured: list[Spots],
    regions: tuple[str, str],
    lists: dict[frozenset[Hashable], GeneList],
) -> SourceOfGenes | None:
    """What a row says, beside what was measured on its own spots; None where these are too few or have no regions.

    lists  what was measured -> its genes, as far as they are known; it is added to
    """
    same = frozenset((spots.slide, spots.genes, hash(spots.expression.tobytes())) for spots in measured)
    try:
        if same not in lists:
            lists[same] = differential(measured, *regions)
        return _source(row.label, row.kind, differential(predicted, *regions), lists[same])
    except UsageError:
        return None


def _spots(records: Iterable[Record], stored: StoredArrays) -> tuple[list[Spots], list[Spots]]:
    """What was predicted for the scored spots of every annotated slide, and what was measured there."""
    predicted, measured = [], []
    for record in records:
        for name, arrays in stored.of(record).items():
            labels = labels_of(arrays.truth, record.unlabelled)
            if not region_sizes(labels):
                continue
            try:
                values = scored_prediction(arrays).values
            except StorageError:  # which the maps have named
                continue
            genes = arrays.truth.genes
            predicted.append(Spots(name, genes, values, labels))
            measured.append(Spots(name, genes, scored_expression(arrays.truth, record), labels))
    return predicted, measured


def _two_regions(slides: Iterable[Spots], records: Iterable[Record]) -> tuple[str, str] | None:
    """The largest region of tumour and the largest of anything else; of no stated tumour, the two largest."""
    every = [spots.groups for spots in slides]
    sizes = list(region_sizes(np.concatenate(every))) if every else []
    tumour = {label for record in records for label in record.tumour_labels}
    first = next((region for region in sizes if region in tumour), sizes[0] if sizes else None)
    second = next((region for region in sizes if region != first and region not in tumour), None)
    return (first, second) if first is not None and second is not None else None


def _source(label: str, kind: str, found: GeneList, measured: GeneList | None) -> SourceOfGenes:
    agreed = agreement(measured, found) if measured else None
    return SourceOfGenes(
        label,
        kind,
        int(found.significant().sum()),
        agreed and agreed.same_sign,
        agreed and agreed.correlation,
        agreed and agreed.overlap,
        agreed and agreed.chance,
        tuple(found.up()),
        tuple(found.opposite().up()),
    )
