"""`stbench localise`: tumour against the rest, by what was measured, predicted, seen and by depth."""

from __future__ import annotations

from typing import Annotated

import typer

from stbench.cli.meant_dataset import MeantDataset, meant_dataset
from stbench.cli.options import DEFAULT_OUT, DataRoot, Json, Out, names, print_json
from stbench.cli.sources import Bundles


def localise(
    dataset: MeantDataset = None,
    tumour: Annotated[
        str | None,
        typer.Option(
            "--tumour",
            help='Labels that count as tumour, "A,B" (default: those that the data set\'s card states).',
        ),
    ] = None,
    out: Out = DEFAULT_OUT,
    data_root: DataRoot = None,
    format: Annotated[
        str | None, typer.Option("--format", help="md, csv or json; default tables for the terminal.")
    ] = None,
    bundle: Bundles = None,
    json: Json = False,
) -> None:
    """Where is the tumour: clusters (ARI), and a probe fitted on other slides (AUROC), of all rows and without any."""
    from stbench.cli.sheets import chosen_format, show, warn
    from stbench.commands import localise as localising
    from stbench.reporting.regions.brief import without_twins
    from stbench.reporting.regions.sheets import localised_sentences, localised_sheet

    format = chosen_format(format, json)
    dataset = meant_dataset(dataset, out, bundle or [])
    found, problems = localising.localise_tumour(dataset, out, names(tumour), bundle or [], data_root)
    warn(problems)
    if format == "json":
        print_json(
            {
                "tables": [
                    localising.localised_plain(one.scores) | {"why_no_embeddings": one.why_no_embeddings}
                    for one in found
                ]
            }
        )
    elif format is not None:
        print({"md": localising.to_md, "csv": localising.to_csv}[format](found), end="")
    else:
        for one in found:
            brief, left_out = without_twins(one.scores)
            said = localised_sentences(brief, one.why_no_embeddings)
            by_slide = "Slide by slide: --format md, csv or json."
            show(brief.table, [localised_sheet(brief)], [*said, *left_out, by_slide])
