"""`stbench export`: fold by fold what a method sees, for methods in R or anywhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stbench.cli.options import (
    Bin,
    DataRoot,
    Dataset,
    DropOutside,
    Json,
    MicronsPerPixel,
    print_json,
    whole_numbers,
)
from stbench.cli.outside_options import Genes, MinCounts, NumberOfGenes, Slides, Split, Target, asked


def export(
    dataset: Dataset,
    to: Annotated[Path, typer.Option("--to", help="The folder to write, new or empty.")],
    scale: Annotated[
        str,
        typer.Option(help="Of expression and predictions: log, or by the training slides minmax or zscore."),
    ] = "log",
    embeddings: Annotated[
        bool, typer.Option("--embeddings/--no-embeddings", help="Write the image encoder's embeddings.")
    ] = True,
    patches: Annotated[
        str, typer.Option(help="Edges in pixels of image patches to write too (.npy), comma-separated.")
    ] = "",
    encoder: Annotated[
        str, typer.Option(help="Frozen image encoder; see `stbench encoders`.")
    ] = "efficientnet_lite0",
    patch_px: Annotated[
        int, typer.Option(help="Patch edge that is embedded, in pixels at full resolution.")
    ] = 224,
    patch_um: Annotated[float | None, typer.Option(help="The same in microns.")] = None,
    seeds: Annotated[
        str, typer.Option(help="Seeds that the method is to be fitted with, for the manifest.")
    ] = "0",
    split: Split = "slide",
    genes: Genes = "train-hvg",
    n_genes: NumberOfGenes = 250,
    target: Target = "logcpm",
    min_counts: MinCounts = 100,
    slides: Slides = None,
    data_root: DataRoot = None,
    bin_um: Bin = None,
    drop_outside: DropOutside = False,
    um_per_px: MicronsPerPixel = None,
    json: Json = False,
) -> None:
    """Write every fold's training and query slides as AnnData and .csv.gz; `stbench score` takes what comes back."""
    from stbench.cli.consoles import messages, output, results_kept_apart
    from stbench.commands import export as exporting
    from stbench.commands.known_names import check_known
    from stbench.names import counted

    check_known([], dataset)
    edges = tuple(whole_numbers(patches, "--patches"))
    given = {
        "dataset": dataset, "split": split, "genes": genes, "n_genes": n_genes, "target": target,
        "min_counts": min_counts, "encoder": encoder, "patch_px": patch_px, "patch_um": patch_um, "bin_um": bin_um,
        "drop_outside": drop_outside, "um_per_px": um_per_px,
    }  # fmt: skip
    question = asked(seeds, slides, data_root, given)
    with results_kept_apart():
        manifest = exporting.export(question, to, scale, embeddings, edges)
    if json:
        print_json(manifest.model_dump(mode="json"))
        return
    output().print(str(to))
    messages().print(
        f"{counted(len(manifest.folds), 'fold')} of {counted(len(manifest.slides), 'slide')}; write "
        f"predictions.csv.gz into each folder, then: stbench score {to} --dataset {dataset} --name YOURS"
    )
