"""What two regions' genes say, as tables of text: for the terminal, for Markdown, and line by line for CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from stbench.commands.enrich import Contrast, Enrichment
from stbench.reporting.regions.formats import to_markdown
from stbench.reporting.regions.sheets import Sheet
from stbench.reporting.tables.formats import csv_text

# Sets that are shown; all of them are in the JSON.
_MOST_SETS = 10
_HOW = (
    "Smoother expression makes every test surer: more significant genes than measured are no more biology. The row of "
    "depth alone says what is had without any."
)


def enriched_sheets(found: Enrichment) -> list[Sheet]:
    """How far each source of expression agrees with what was measured; then the gene sets of either region."""
    first, second = found.regions
    agreeing = Sheet(
        f"{first} against {second}",
        ("expression", "genes q<.05", "same sign", "rank corr.", "overlap", "by chance"),
        tuple(
            (contrast.source, str(int(contrast.genes.significant().sum())), *_agreement(contrast))
            for contrast in found.contrasts
        ),
    )
    sets = [_sets(found, place, region) for place, region in enumerate(found.regions)]
    return [agreeing, *(sheet for sheet in sets if sheet.lines)]


def enriched_sentences(found: Enrichment) -> list[str]:
    """What was left out, and how to read the numbers."""
    return [*(f"Left out: {sentence}." for sentence in found.left_out), _HOW]


def to_md(found: Sequence[Enrichment]) -> str:
    """All tables as Markdown."""
    return "\n".join(to_markdown(one.table, enriched_sheets(one), enriched_sentences(one)) for one in found)


def to_csv(found: Sequence[Enrichment]) -> str:
    """One line for each table, source and gene, numbers in full."""
    return csv_text([line for one in found for line in _gene_lines(one)])


def _gene_lines(found: Enrichment) -> Iterator[dict[str, Any]]:
    for contrast in found.contrasts:
        genes = contrast.genes
        columns = zip(genes.genes, genes.z.tolist(), genes.fold.tolist(), genes.q.tolist(), strict=True)
        for gene, z, fold, q in columns:
            yield {
                "table": found.table.id,
                "dataset": found.table.identity.dataset,
                "synthetic": found.table.synthetic,
                "expression": contrast.source,
                "more_in": found.regions[0],
                "against": found.regions[1],
                "gene": gene,
                "z": z,
                "log2_fold": fold,
                "q": q,
            }


def _agreement(contrast: Contrast) -> tuple[str, ...]:
    agreed = contrast.agreement
    if agreed is None:
        return ("", "", "", "")
    values = (agreed.same_sign, agreed.correlation, agreed.overlap, agreed.chance)
    return tuple("–" if value is None else f"{value:.2f}" for value in values)


def _sets(found: Enrichment, place: int, region: str) -> Sheet:
    """The gene sets of what is more in one region: q of each source, those surest in any of them first."""
    best: dict[str, float] = {}
    for contrast in found.contrasts:
        for name, one in contrast.sets[place].items():
            best[name] = min(one.q, best.get(name, 1.0))
    shown = sorted(best, key=lambda name: (best[name], name))[:_MOST_SETS]
    values = {name: [contrast.sets[place].get(name) for contrast in found.contrasts] for name in shown}
    return Sheet(
        f"More in {region}",
        ("gene set", *(f"q {contrast.source}" for contrast in found.contrasts)),
        tuple((name, *("–" if one is None else f"{one.q:.2g}" for one in values[name])) for name in shown),
    )
