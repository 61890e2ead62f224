"""From results folders to a report: read, gather, draw, and write the page last and in one step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from stbench.errors import UsageError
from stbench.files import write_text
from stbench.reporting.report.beside import bundles_beside
from stbench.reporting.report.boards import boards_of
from stbench.reporting.report.content import gather
from stbench.reporting.report.page import check_plotly, render
from stbench.reporting.report.printing import left_out, write_figures
from stbench.reporting.report.sections.ablations import ablations_section
from stbench.reporting.report.sections.across import across_grids
from stbench.reporting.report.sections.enrichment import GenesOfRegions
from stbench.reporting.report.sections.links import Cards
from stbench.reporting.report.sections.regions import TableEmbeddings
from stbench.reporting.report.sections.split_gap import split_gap_section
from stbench.reporting.report.sections.transfer import transfer_section
from stbench.reporting.report.stored import StoredArrays
from stbench.reporting.tables.ablations import AblationTable
from stbench.reporting.tables.leaderboard import Table

PAGE, FIGURES = "index.html", "figures"


class Written(NamedTuple):
    """What a report consists of; `problems` has a sentence for each file that could not be used.

    `left_out` has a sentence for what the page does without, since a package is not installed.
    """

    page: Path
    figures: list[Path]
    n_tables: int
    problems: list[str]
    left_out: list[str]


def write_report(
    folders: Sequence[tuple[str, Path]],
    tables: Sequence[Table],
    damaged: Sequence[str],
    to: Path,
    reference: str | None = None,
    genes: Sequence[str] = (),
    markers: Mapping[str, Sequence[str]] | None = None,
    ablations: Sequence[AblationTable] = (),
    embeddings: Mapping[str, TableEmbeddings] | None = None,
    cards: Cards = Cards(),  # noqa: B008 - frozen, hence safe to share
    region_genes: Mapping[str, GenesOfRegions | None] | None = None,
) -> Written:
    """Write the report on tables below `to`; their arrays lie in `folders` (name for people, folder).

    damaged    a sentence for each Record that could not be used
    reference  the row that all others are tested against, None for the one that the runs named
    genes      genes to draw on every slide, besides the best and the median
    markers    data set -> its marker genes, which stand first in maps and lists of genes
    ablations  methods with parts changed, each beside its method
    embeddings table's id -> embeddings of its annotated slides, to find the tumour by
    cards      what the cards of methods and data sets say
    region_genes table's id -> what two of its annotated regions' genes are
    Raises UsageError where there are no Records, a gene is in no panel or plotly is not installed, StorageError where
    nothing can be written. The page appears whole or not at all.
    """
    if to.is_file():
        raise UsageError(f"--to {to} is a file; name a folder for the page and its figures.")
    check_plotly()
    if not tables:
        raise UsageError(_nothing_there(folders, damaged))
    stored = StoredArrays([folder for _, folder in folders])
    boards = boards_of(tables)
    contents = gather(boards, stored, reference, genes, markers, embeddings, cards, region_genes)
    problems = [*damaged, *stored.problems, *(p for content in contents for p in content.tissue.problems)]
    gap, transfer, across = split_gap_section(boards), transfer_section(boards), across_grids(boards)
    text = render(contents, gap, problems, ablations_section(ablations), across, transfer, bundles_beside(to))
    figures = write_figures(to / FIGURES, contents)
    write_text(to / PAGE, text)
    return Written(to / PAGE, figures, len(boards), problems, left_out(contents))


def _nothing_there(folders: Sequence[tuple[str, Path]], damaged: Sequence[str]) -> str:
    names = " and ".join(name for name, _ in folders)
    if damaged:
        return f"None of the {len(damaged)} Records under {names} can be read; the first: {damaged[0]}"
    return (
        f"There are no Records under {names}. Run a method first: stbench run --method ridge --dataset demo"
    )
