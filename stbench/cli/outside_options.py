"""Options of `score` and `export`: what decides folds, panel and truth, as `run` calls it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stbench.cli.options import names, whole_numbers

if TYPE_CHECKING:
    from stbench.commands.asked import Asked

Split = Annotated[str, typer.Option(help="Outer split: slide, patient or slide-matched.")]
Genes = Annotated[
    str,
    typer.Option(help="Panel: train-hvg, train-hvg+markers, hvg-intersection, highest, svg or file:PATH."),
]
NumberOfGenes = Annotated[int, typer.Option(help="Genes in a chosen panel.")]
Target = Annotated[str, typer.Option(help="What is predicted: logcpm or pearson.")]
MinCounts = Annotated[int, typer.Option(help="Spots with fewer counts are not scored.")]
Slides = Annotated[str | None, typer.Option(help="Only these slides, comma-separated.")]


def asked(seeds: str, slides: str | None, data_root: Path | None, given: Mapping[str, Any]) -> Asked:
    """What was typed, as a run is asked for."""
    from stbench.commands.asked import Asked

    only = tuple(names(slides)) if slides is not None else None
    numbers = tuple(whole_numbers(seeds, "--seeds"))
    return Asked.of(methods=(), seeds=numbers, slides=only, data_root=data_root, **given)
