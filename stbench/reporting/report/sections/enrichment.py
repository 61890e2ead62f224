"""Genes that differ between two annotated regions: as measured, as each row predicts, and as depth alone would have it.

The tests are made where they may be (the `enrich` command's own); here they become a table and sentences.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from stbench.names import cleaned, shown_name
from stbench.reporting.regions.gene_sources import CONTROLS, MEASURED
from stbench.reporting.report.boards import Board
from stbench.reporting.report.grid import Grid, Heading, Line, listed, number

_GENES_NAMED = 4
HOW = (
    "Wilcoxon's rank sums on each slide, combined over slides. Spots are neighbours and no independent cases, and "
    "smoother expression makes every test surer: more genes than measured are no more biology."
)
ABOUT_CONTROL = "The rows of predicted depth say what is had without any biology."


class SourceOfGenes(NamedTuple):
    """What one source of expression says of two regions: `measured`, or a row's label.

    n_surest    genes with q below .05
    same_sign   share of genes that change the way they do as measured; None for what was measured itself
    correlation Spearman's of the fold changes with the measured ones, None where undefined
    overlap     share of the measured list's genes among as many surest ones; `chance` gives the rest
    up          the surest genes that are more in the first region;  down  in the second
    """

    source: str
    kind: str
    n_surest: int
    same_sign: float | None
    correlation: float | None
    overlap: float | None
    chance: float | None
    up: tuple[str, ...]
    down: tuple[str, ...]


class GenesOfRegions(NamedTuple):
    """Two regions of one table's slides, and what each source says of them; the measured source stands first.

    left_out  a sentence for each slide that has too few spots of a region
    """

    regions: tuple[str, str]
    slides: tuple[str, ...]
    sources: tuple[SourceOfGenes, ...]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class EnrichmentSection:
    """A line for each source; `command` asks the same of other regions, and of gene sets."""

    title: str
    grid: Grid
    sentences: list[str]
    command: str


def enrichment_section(board: Board, found: GenesOfRegions | None) -> EnrichmentSection | None:
    """What a table's annotated slides say of two regions' genes; None where nothing was found out."""
    if found is None:
        return None
    first, second = (cleaned(region) for region in found.regions)
    headings = (
        Heading("expression", is_number=False),
        Heading("genes q < .05"),
        Heading("same sign", meaning="share of genes that change the way they do as measured; .5 by chance"),
        Heading("rank correlation", meaning="Spearman's, of fold changes as predicted and as measured"),
        Heading("overlap", meaning="share of the measured genes among as many that the row is surest of"),
        Heading("by chance"),
        Heading(f"surest, more in {first}", is_number=False),
        Heading(f"surest, more in {second}", is_number=False),
    )
    lines = tuple(Line(_cells(source), source.kind) for source in found.sources)
    caption = (
        f"Genes that differ between {first} and {second}, {listed([shown_name(s) for s in found.slides])}"
    )
    method = next((entry.row.method for entry in board.entries if entry.row.kind != "floor"), "ridge")
    has_control = any(source.source in CONTROLS for source in found.sources)
    command = ["stbench", "enrich", "--dataset", board.table.identity.dataset, "--method", method]
    return EnrichmentSection(
        f"{first} from {second}",
        Grid(caption, headings, lines),
        [
            HOW,
            *([ABOUT_CONTROL] if has_control else []),
            *(f"Left out: {cleaned(sentence)}." for sentence in found.left_out),
        ],
        shlex.join([*command, "--groups", ",".join(found.regions), "--gmt", "GENE-SETS.gmt"]),
    )


def _cells(source: SourceOfGenes) -> tuple[str, ...]:
    agreed = source.same_sign, source.correlation, source.overlap, source.chance
    numbers = [""] * 4 if source.source == MEASURED else [number(value, 2) for value in agreed]
    return shown_name(source.source), str(source.n_surest), *numbers, _named(source.up), _named(source.down)


def _named(genes: Sequence[str]) -> str:
    return ", ".join(cleaned(gene) for gene in genes[:_GENES_NAMED]) or "none"
