"""Which genes of a slide are drawn: those asked for, markers, and a few whose place among all genes is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from stbench.record import SlideScores
from stbench.reporting.statistics import mean

ASKED, MARKER = "asked for", "marker gene"
BEST, BEST_GIVEN_DEPTH = "among the highest PCC", "among the highest PCC given depth"
MIDDLE, LOWEST = "median PCC", "lowest PCC"
_GROUPS = (ASKED, MARKER, BEST, BEST_GIVEN_DEPTH, MIDDLE, LOWEST)


class Chosen(NamedTuple):
    """A gene and why it is drawn."""

    gene: str
    why: str


def chosen_genes(
    scored: Sequence[SlideScores], wanted: Sequence[str], n_genes: int, markers: Sequence[str] = ()
) -> list[Chosen]:
    """At most `n_genes` genes of one slide (wanted ones and markers first, all of them), by their mean over the rows.

    The same genes are drawn for every row; with few places the best and the median come first.
    """
    measured = {gene for slide in scored for gene in slide.genes}
    found = {gene: ASKED for gene in wanted if gene in measured}
    found |= {gene: MARKER for gene in markers if gene in measured and gene not in found}
    for gene, why in _candidates(_ranked(scored, "pcc"), _ranked(scored, "pcc_given_depth")):
        if len(found) >= n_genes:
            break
        found.setdefault(gene, why)
    chosen = [Chosen(gene, why) for gene, why in found.items()]
    return sorted(chosen, key=lambda one: _GROUPS.index(one.why))


def _candidates(by_pcc: Sequence[str], given_depth: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Genes and reasons, the most wanted first."""
    if by_pcc:
        yield by_pcc[0], BEST
        yield by_pcc[len(by_pcc) // 2], MIDDLE
        yield from ((gene, BEST_GIVEN_DEPTH) for gene in given_depth[:1])
        yield by_pcc[-1], LOWEST
    for place in range(1, len(by_pcc)):
        yield by_pcc[place], BEST
        if place < len(given_depth):
            yield given_depth[place], BEST_GIVEN_DEPTH


def _ranked(scored: Sequence[SlideScores], column: str) -> list[str]:
    """Genes that have a value in any row, the highest mean over rows first."""
    values: dict[str, list[float | None]] = {}
    for slide in scored:
        for gene, value in zip(slide.genes, slide.per_gene.get(column, ()), strict=False):
            values.setdefault(gene, []).append(value)
    means: Mapping[str, float | None] = {gene: mean(found) for gene, found in values.items()}
    defined = {gene: value for gene, value in means.items() if value is not None}
    return sorted(defined, key=lambda gene: (-defined[gene], gene))
