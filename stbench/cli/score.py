"""`stbench score`: predictions from anywhere, as rows of the same tables."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from stbench.cli.options import DEFAULT_OUT, Bin, DataRoot, Dataset, DropOutside, Json, MicronsPerPixel, Out
from stbench.cli.outside_options import Genes, MinCounts, NumberOfGenes, Slides, Split, Target, asked


def score(
    predictions: Annotated[
        list[Path],
        typer.Argument(
            help="An .h5ad, a folder with one .csv or .csv.gz a slide (spot ids first, a column a gene), or a "
            "folder of `stbench export` with predictions; several for several seeds."
        ),
    ],
    dataset: Dataset,
    name: Annotated[str, typer.Option("--name", help="What the row is called.")],
    scale_of: Annotated[
        str,
        typer.Option(
            "--scale-of",
            help="What the predictions hold: log (natural logarithm of 1 + counts per million), cpm, counts (over the "
            "column `total`, else over the sum of the file's genes) or target; default log.",
        ),
    ] = "",
    seeds: Annotated[str, typer.Option(help="A seed for each file or folder; default 0, 1, ...")] = "0",
    note: Annotated[str, typer.Option(help="What a reader must know of how they were made.")] = "",
    split: Split = "slide",
    genes: Genes = "train-hvg",
    n_genes: NumberOfGenes = 250,
    target: Target = "logcpm",
    scale: Annotated[
        str, typer.Option(help="Of the table that they are to join: minmax, zscore or none.")
    ] = "minmax",
    min_counts: MinCounts = 100,
    slides: Slides = None,
    data_root: DataRoot = None,
    bin_um: Bin = None,
    drop_outside: DropOutside = False,
    um_per_px: MicronsPerPixel = None,
    out: Out = DEFAULT_OUT,
    json: Json = False,
) -> None:
    """Score predictions that were made elsewhere by the protocol of `stbench run`, into the tables under --out."""
    from stbench.cli.consoles import messages, results_kept_apart
    from stbench.cli.first_words import say_what_is_read
    from stbench.commands import score as scoring

    say_what_is_read([], dataset, out)
    given = {
        "dataset": dataset, "split": split, "genes": genes, "n_genes": n_genes, "target": target, "scale": scale,
        "min_counts": min_counts, "bin_um": bin_um, "drop_outside": drop_outside, "um_per_px": um_per_px,
    }  # fmt: skip
    question = asked(seeds, slides, data_root, given)
    with results_kept_apart():
        records = scoring.score(predictions, name, question, out, scale_of, note)
    for sentence in dict.fromkeys(word for record in records for word in record.notes):
        messages().print(f"{name}: {sentence}.")
    _show(records, out, json)
    if any(not record.finished for record in records):
        sys.exit(1)


def _show(records: list, out: Path, json: bool) -> None:
    """The tables under --out that the new rows stand in."""
    from stbench.cli.consoles import messages, output
    from stbench.cli.the_rest import say_where_the_rest_is
    from stbench.commands.leaderboard import read_board
    from stbench.reporting.tables import formats
    from stbench.reporting.tables.terminal import LeaderboardView

    keys = {record.key for record in records}
    tables = [
        table
        for table in read_board(out).tables
        if any(record.key in keys for members in table.members.values() for record in members)
    ]
    if json:
        print(formats.to_json(tables), end="")
        return
    output().print(LeaderboardView(tables), crop=False)
    say_where_the_rest_is(out)
    messages().print(f"Records: {out}")
