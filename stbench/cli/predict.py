"""`stbench predict`: a kept model's predictions for slides without expression."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def predict(
    model: Annotated[Path, typer.Argument(help="A model file that `stbench fit` wrote.")],
    slides: Annotated[
        list[str],
        typer.Argument(
            help="An image; an image with <name>_spots.tsv beside it; or path:DIR, slides with counts or without."
        ),
    ],
    to: Annotated[
        Path, typer.Option("--to", help="Where to: .h5ad, .csv, .csv.gz, .geojson (QuPath) or .zarr.")
    ],
    spots: Annotated[
        Path | None,
        typer.Option(help="A table of the slide's spots: barcode, array_x, array_y, pixel_x, pixel_y."),
    ] = None,
    pitch_um: Annotated[
        float | None,
        typer.Option(
            "--pitch-um", help="Microns between spots that are laid over an image (the training slides')."
        ),
    ] = None,
    um_per_px: Annotated[
        float | None, typer.Option("--um-per-px", help="The images' scale, where no file states it.")
    ] = None,
    all_genes: Annotated[
        bool, typer.Option("--all-genes", help="Genes below the floor too, which no one should trust.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
) -> None:
    """Predict expression from H&E alone; what may be trusted of it stands beside each gene."""
    from stbench.cli.consoles import messages, output, results_kept_apart
    from stbench.cli.progress import ProgressListener
    from stbench.names import counted

    messages().print(f"Loading {model}.")
    from stbench.commands import predict as predicting

    with results_kept_apart(), ProgressListener() as listener:
        data = predicting.predict(model, slides, to, spots, pitch_um, um_per_px, all_genes, device, listener)
    left_out = data.uns["stbench"]["genes_left_out"]
    floor = data.uns["stbench"]["floor"]
    without = f"; {left_out} below {floor} left out (--all-genes)" if left_out else ""
    output().print(str(to))
    slides_said = counted(len(data.uns["spatial"]), "slide")
    messages().print(
        f"{counted(data.n_obs, 'spot')} of {slides_said}, {counted(data.n_vars, 'gene')}{without}."
    )
