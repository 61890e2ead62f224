"""`stbench regions`: scores inside annotated regions beside those over the whole slide."""

from __future__ import annotations

from typing import Annotated

import typer

from stbench.cli.meant_dataset import MeantDataset, meant_dataset
from stbench.cli.options import DEFAULT_OUT, Json, Out, print_json
from stbench.cli.sources import Bundles


def regions(
    dataset: MeantDataset = None,
    out: Out = DEFAULT_OUT,
    min_spots: Annotated[
        int, typer.Option("--min-spots", help="Scored spots that a region of a slide must have.")
    ] = 30,
    format: Annotated[
        str | None, typer.Option("--format", help="md, csv or json; default tables for the terminal.")
    ] = None,
    bundle: Bundles = None,
    json: Json = False,
) -> None:
    """Each row's correlations inside every annotated region: how much of a score is one region against another."""
    from stbench.cli.sheets import chosen_format, show, warn
    from stbench.commands import regions as scoring
    from stbench.reporting.regions.brief import without_twins
    from stbench.reporting.regions.sheets import within_sentences, within_sheets

    format = chosen_format(format, json)
    dataset = meant_dataset(dataset, out, bundle or [])
    found, problems = scoring.regions(dataset, out, bundle or [], min_spots)
    warn(problems)
    if format == "json":
        print_json({"tables": [scoring.within_plain(one) for one in found]})
    elif format is not None:
        print({"md": scoring.to_md, "csv": scoring.to_csv}[format](found), end="")
    else:
        for one in found:
            brief, left_out = without_twins(one)
            show(one.table, within_sheets(brief), [*within_sentences(brief), *left_out])
