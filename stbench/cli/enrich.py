"""`stbench enrich`: two regions' genes and gene sets, measured, predicted, and by depth alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stbench.cli.options import DEFAULT_OUT, Json, Out, names, print_json

if TYPE_CHECKING:
    from stbench.commands.enrich import Contrast, Enrichment

# Sets that the terminal shows; all of them are in the JSON.
_MOST_SETS = 10


def enrich(
    dataset: Annotated[str, typer.Option(help="The dataset that the method was run on.")],
    method: Annotated[str, typer.Option(help="A method, or a row's full label.")],
    groups: Annotated[str, typer.Option(help='Two annotated regions, "A,B": what is more in A than in B.')],
    gmt: Annotated[
        Path | None, typer.Option("--gmt", help="Gene sets in GMT; without it, genes alone are compared.")
    ] = None,
    out: Out = DEFAULT_OUT,
    json: Json = False,
) -> None:
    """Genes and gene sets that differ between two regions: measured, predicted, and predicted from depth alone."""
    from stbench.commands import enrich as enriching

    found = enriching.enrich(out, dataset, method, names(groups), gmt)
    if json:
        print_json({"tables": [_plain(one) for one in found]})
    else:
        for one in found:
            _show(one)


def _plain(found: Enrichment) -> dict[str, Any]:
    return {
        "table": found.table.id,
        "regions": list(found.regions),
        "contrasts": [_plain_contrast(contrast) for contrast in found.contrasts],
        "left_out": list(found.left_out),
    }


def _plain_contrast(contrast: Contrast) -> dict[str, Any]:
    genes = contrast.genes
    columns = zip(genes.genes, genes.z.tolist(), genes.fold.tolist(), genes.q.tolist(), strict=True)
    return {
        "source": contrast.source,
        "slides": list(genes.slides),
        "genes": [dict(zip(("gene", "z", "log2_fold", "q"), line, strict=True)) for line in columns],
        "agreement": contrast.agreement._asdict() if contrast.agreement else None,
        "sets": [{name: one._asdict() for name, one in sets.items()} for sets in contrast.sets],
    }


def _show(found: Enrichment) -> None:
    from rich.table import Table

    from stbench.cli.consoles import output
    from stbench.reporting.tables.brief import brief_heading

    first, second = found.regions
    output().print(brief_heading(found.table), style="bold", markup=False)
    output().print(f"{first} against {second}", markup=False)
    grid = Table("expression", "genes q<.05", "same sign", "rank corr.", "overlap", "by chance")
    for contrast in found.contrasts:
        grid.add_row(contrast.source, str(int(contrast.genes.significant().sum())), *_agreement(contrast))
    output().print(grid)
    for place, region in enumerate(found.regions):
        _show_sets(found, place, region)
    for sentence in found.left_out:
        output().print(f"Left out: {sentence}.", markup=False)
    output().print(
        "Smoother expression makes every test surer: more significant genes than measured are no more biology. The "
        "row of depth alone says what is had without any.",
        markup=False,
    )


def _agreement(contrast: Contrast) -> list[str]:
    agreed = contrast.agreement
    if agreed is None:
        return ["", "", "", ""]
    return [
        f"{agreed.same_sign:.2f}",
        "–" if agreed.correlation is None else f"{agreed.correlation:.2f}",
        "–" if agreed.overlap is None else f"{agreed.overlap:.2f}",
        f"{agreed.chance:.2f}",
    ]


def _show_sets(found: Enrichment, place: int, region: str) -> None:
    """The gene sets of what is more in one region: q of each source, those surest in any of them first."""
    from rich.table import Table

    from stbench.cli.consoles import output

    best: dict[str, float] = {}
    for contrast in found.contrasts:
        for name, one in contrast.sets[place].items():
            best[name] = min(one.q, best.get(name, 1.0))
    if not best:
        return
    grid = Table(f"gene set, more in {region}", *(f"q {contrast.source}" for contrast in found.contrasts))
    for name in sorted(best, key=lambda name: (best[name], name))[:_MOST_SETS]:
        values = [contrast.sets[place].get(name) for contrast in found.contrasts]
        grid.add_row(name, *("–" if one is None else f"{one.q:.2g}" for one in values))
    output().print(grid)
