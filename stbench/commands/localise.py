"""Where the tumour is, by measured and predicted expression, the image and depth; no method is trained anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from stbench.commands.slide_embeddings import embeddings_of_table
from stbench.commands.with_arrays import tables_with_arrays
from stbench.errors import UsageError
from stbench.reporting.regions.formats import localised_lines, localised_plain, to_markdown
from stbench.reporting.regions.localising import Localised, localise
from stbench.reporting.regions.sheets import localised_sentences, localised_sheet, slide_sheet
from stbench.reporting.tables.formats import csv_text

__all__ = ["TumourFound", "localise_tumour", "localised_plain", "to_csv", "to_md"]


class TumourFound(NamedTuple):
    """One table's scores, and why it has no row of embeddings, "" where it has."""

    scores: Localised
    why_no_embeddings: str


def localise_tumour(
    dataset: str,
    out: Path,
    tumour: Sequence[str] = (),
    bundles: Sequence[Path] = (),
    data_root: Path | None = None,
) -> tuple[list[TumourFound], list[str]]:
    """One for each table of the data set, and a sentence for each unusable file.

    tumour     labels that count as tumour, () for those of the data set's card
    data_root  where the slides lie whose cached embeddings are taken
    Raises what `tumour_slides` raises where it does so for every table.
    """
    found, refused = [], []
    with tables_with_arrays(dataset, out, bundles) as (tables, stored, problems):
        for table in tables:
            embedded = embeddings_of_table(table, stored, dataset, data_root)
            try:
                scores = localise(table, stored, tumour, embedded.by_encoder)
            except UsageError as error:
                refused.append(error)
            else:
                found.append(TumourFound(scores, embedded.why_none))
        if not found:
            raise refused[0]
        return found, [*problems, *map(str, refused), *stored.problems]


def to_md(found: Sequence[TumourFound]) -> str:
    """All tables as Markdown."""
    return "\n".join(
        to_markdown(
            one.scores.table,
            [localised_sheet(one.scores), slide_sheet(one.scores)],
            localised_sentences(*one),
        )
        for one in found
    )


def to_csv(found: Sequence[TumourFound]) -> str:
    """One line for each table, row and slide, numbers in full."""
    return csv_text([line for one in found for line in localised_lines(one.scores)])
