"""Scores inside annotated regions beside those over the whole slide, from stored predictions and truths."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from stbench.commands.with_arrays import tables_with_arrays
from stbench.errors import UsageError
from stbench.metrics.correlation import MIN_SPOTS
from stbench.reporting.regions.formats import to_markdown, within_lines, within_plain
from stbench.reporting.regions.sheets import within_sentences, within_sheets
from stbench.reporting.regions.within import LEAST_SPOTS, Within, within_regions
from stbench.reporting.tables.formats import csv_text

__all__ = ["LEAST_SPOTS", "Regions", "regions", "to_csv", "to_md", "within_plain"]


class Regions(NamedTuple):
    """One for each table whose slides are annotated; `problems` has a sentence for each unusable file."""

    found: list[Within]
    problems: list[str]


def regions(dataset: str, out: Path, bundles: Sequence[Path] = (), min_spots: int = LEAST_SPOTS) -> Regions:
    """The scores of every row inside each region of at least `min_spots` scored spots of a slide.

    UsageError where there is no annotation, no region has spots enough, or no predictions are kept.
    """
    with tables_with_arrays(dataset, out, bundles) as (tables, stored, problems):
        found = [one for table in tables if (one := within_regions(table, stored, min_spots))]
        if not found:
            raise UsageError(
                f"There is nothing to score inside regions of {dataset}: no slide whose predictions and truth are kept "
                f"under {out} is annotated."
            )
        if not any(row.regions for one in found for row in one.rows):
            largest = max(size for one in found for _, _, size in one.too_few)
            fewer = (
                "; name fewer with --min-spots"
                if largest >= MIN_SPOTS
                else f", and a score needs {MIN_SPOTS}"
            )
            raise UsageError(
                f"No region of a slide of {dataset} has {min_spots} scored spots; the largest has {largest}{fewer}."
            )
        return Regions(found, [*problems, *stored.problems])


def to_md(found: Sequence[Within]) -> str:
    """All tables as Markdown."""
    return "\n".join(to_markdown(one.table, within_sheets(one), within_sentences(one)) for one in found)


def to_csv(found: Sequence[Within]) -> str:
    """One line for each table, row and region, numbers in full."""
    return csv_text([line for one in found for line in within_lines(one)])
