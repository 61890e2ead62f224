"""`stbench enrich`: two regions' genes and gene sets, measured, predicted, and by depth alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stbench.cli.meant_dataset import MeantDataset, meant_dataset
from stbench.cli.options import DEFAULT_OUT, Json, Out, names, print_json

if TYPE_CHECKING:
    from stbench.commands.enrich import Contrast, Enrichment


def enrich(
    method: Annotated[str, typer.Option(help="A method, or a row's full label.")],
    dataset: MeantDataset = None,
    groups: Annotated[
        str,
        typer.Option(
            help='Two annotated regions, "A,B": what is more in A than in B (without them, which there are).'
        ),
    ] = "",
    gmt: Annotated[
        Path | None, typer.Option("--gmt", help="Gene sets in GMT; without it, genes alone are compared.")
    ] = None,
    out: Out = DEFAULT_OUT,
    format: Annotated[
        str | None, typer.Option("--format", help="md, csv or json; default tables for the terminal.")
    ] = None,
    json: Json = False,
) -> None:
    """Genes and gene sets that differ between two regions: measured, predicted, and predicted from depth alone."""
    from stbench.cli.sheets import chosen_format, show
    from stbench.commands import enrich as enriching
    from stbench.commands import enriched_sheets as sheets

    format = chosen_format(format, json)
    dataset = meant_dataset(dataset, out)
    found = enriching.enrich(out, dataset, method, names(groups), gmt)
    if format == "json":
        print_json({"tables": [_plain(one) for one in found]})
    elif format is not None:
        print({"md": sheets.to_md, "csv": sheets.to_csv}[format](found), end="")
    else:
        for one in found:
            show(one.table, sheets.enriched_sheets(one), sheets.enriched_sentences(one))


def _plain(found: Enrichment) -> dict[str, Any]:
    return {
        "table": found.table.id,
        "synthetic": found.table.synthetic,
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
