"""Everything that was run as one page."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from stbench import registry
from stbench.commands.card_links import cards_of
from stbench.commands.joining import joined_records
from stbench.commands.leaderboard import tables_below
from stbench.commands.region_genes import genes_of_regions
from stbench.commands.slide_embeddings import embeddings_of_table
from stbench.commands.sources import opened_folders
from stbench.errors import UsageError
from stbench.preprocess.marker_genes import markers_of
from stbench.record import Record
from stbench.reporting.mlflow.tracking import MlflowTracker
from stbench.reporting.report import Written, write_report
from stbench.reporting.report.stored import StoredArrays
from stbench.reporting.tables.ablations import ablation_tables


def report(
    out: Path, bundles: Sequence[Path], to: Path, reference: str | None, genes: Sequence[str]
) -> Written:
    """Write the report on everything under `out` and in the bundles below `to`; see `write_report`.

    Where rows of it were logged from `out`, MLflow gets the page too; what goes wrong there stands in `left_out`.
    """
    with opened_folders(out, bundles) as folders:
        records, problems = joined_records(folders)
        tables = tables_below(records, [folder for _, folder in folders], reference=reference)
        stored = StoredArrays([folder for _, folder in folders])
        written = write_report(
            folders,
            tables,
            problems,
            to,
            reference,
            genes,
            marker_genes(records),
            ablations=ablation_tables(records),
            embeddings={t.id: embeddings_of_table(t, stored, t.identity.dataset) for t in tables},
            cards=cards_of(records),
            region_genes={table.id: genes_of_regions(table, stored) for table in tables},
        )
    problem = MlflowTracker(out).log_report(written.page, tables)
    return written._replace(left_out=[*written.left_out, problem]) if problem else written


def marker_genes(records: Sequence[Record]) -> dict[str, tuple[str, ...]]:
    """Data set -> the marker genes of its card, and those that its panels added; none of a card that is not here."""
    found: dict[str, dict[str, None]] = {}
    for dataset, panel in sorted({(record.table.dataset, record.table.genes) for record in records}):
        genes = found.setdefault(dataset, {})
        with contextlib.suppress(UsageError):
            genes.update(dict.fromkeys(registry.dataset_card(dataset.partition(":")[0]).marker_genes))
        with contextlib.suppress(UsageError):
            genes.update(dict.fromkeys(markers_of(panel)))
    return {dataset: tuple(genes) for dataset, genes in found.items()}
