"""`stbench time`: what methods cost in seconds, memory, parameters and floating-point operations."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from stbench.cli.options import DataRoot, Dataset, Json, method_settings, names, print_json
from stbench.errors import UsageError


def time(
    method: Annotated[str, typer.Option("--method", help="Method names, comma-separated.")],
    dataset: Dataset,
    slides: Annotated[
        str | None,
        typer.Option(help="These slides, comma-separated: the last is predicted, the others train."),
    ] = None,
    data_root: DataRoot = None,
    genes: Annotated[str, typer.Option(help="Gene panel, as in `stbench run`.")] = "train-hvg",
    n_genes: Annotated[int, typer.Option("--n-genes", help="Size of the panel.")] = 250,
    encoder: Annotated[str, typer.Option(help="Frozen image encoder.")] = "efficientnet_lite0",
    variant: Annotated[
        str, typer.Option(help="Preset of the method's settings: paper or released.")
    ] = "paper",
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="METHOD.KEY=VALUE, one hyperparameter; repeatable.")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads (default: all cores).")] = None,
    device: Annotated[
        str, typer.Option(help="auto, cpu, cuda (the first CUDA device), cuda:N or mps.")
    ] = "auto",
    epochs_timed: Annotated[
        int, typer.Option("--epochs-timed", min=1, help="Epochs timed after a first two that are not.")
    ] = 2,
    json: Json = False,
) -> None:
    """Seconds per epoch and per spot, memory, parameters, operations; exit status 1 where a method fails."""
    from stbench.cli.consoles import messages, output, results_kept_apart
    from stbench.cli.progress import ProgressListener
    from stbench.commands import time as timing
    from stbench.commands.known_names import dataset_words

    methods = names(method)
    if not methods:
        raise UsageError("--method names no method; see `stbench methods`.")
    with results_kept_apart(), ProgressListener() as listener:
        document = timing.time_methods(
            methods,
            dataset,
            data_root,
            names(slides) if slides is not None else None,
            {"genes": genes, "n_genes": n_genes, "encoder": encoder, "device": device},
            variant,
            method_settings(set_ or [], methods),
            threads,
            epochs_timed,
            listener.encoding,
            messages().print,
        )
    if json:
        print_json(document)
    else:
        output().print(dataset_words(dataset), style="bold")
        _show(document)
    if any(row["failed"] for row in document["rows"]):
        sys.exit(1)


# What the table shows: heading, value of a row, what to divide it by.
_COLUMNS = (
    ("s/epoch", "seconds_per_epoch", 1),
    ("× floor", "ratio", 1),
    ("s/fit", "seconds_per_fit", 1),
    ("s/1,000 spots", "seconds_per_1000_spots", 1),
    ("peak MB", "peak_memory_mb", 1),
    ("parameters", "parameters", 1),
    ("trainable", "trainable_parameters", 1),
    ("GFLOP/epoch", "flops_epoch", 1e9),
    ("GFLOP forward", "flops_forward", 1e9),
)


def _show(document: dict[str, Any]) -> None:
    """The table, and what its numbers are measured against."""
    from stbench.cli.consoles import output
    from stbench.cli.grids import print_grid

    console = output()
    lines = [(row["method"], *(_shown(row[n], unit) for _, n, unit in _COLUMNS)) for row in document["rows"]]
    print_grid(("method", *(heading for heading, _, _ in _COLUMNS)), lines)
    for row in document["rows"]:
        console.print(f"{row['method']}: {row['note']}", markup=False)
    row, rate = document["rows"][0], document["matrix_gflops"]
    where = f"{row['device']}, {row['threads']} {'thread' if row['threads'] == 1 else 'threads'}"
    if rate is not None:
        console.print(f"Float32 matrix products reach {rate:.1f} GFLOP/s here ({where}).")
    console.print("s/epoch: the least after a first two; s/fit: the least after a first.")
    console.print("floor: an epoch's operations at that rate.")
    console.print(
        "s/1,000 spots: the least after a first of the last slide, or that first, where it took over 20 s."
    )
    console.print("GFLOP forward: predicting the whole of the last slide.")


def _shown(value: float | None, unit: float) -> str:
    """Whole numbers as they are, others to three digits."""
    if value is None:
        return ""
    scaled = value / unit
    return f"{scaled:,.0f}" if isinstance(value, int) or scaled >= 100 else f"{scaled:.3g}"
