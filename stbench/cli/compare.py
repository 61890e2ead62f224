"""`stbench compare A B`: two methods on the same slides."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from stbench.cli.meant_dataset import MeantDataset, meant_dataset
from stbench.cli.options import DEFAULT_OUT, Json, Out, print_json
from stbench.errors import UsageError


def compare(
    first: Annotated[
        str | None, typer.Argument(metavar="FIRST", help="A method, or a row's full label.")
    ] = None,
    second: Annotated[str | None, typer.Argument(metavar="SECOND", help="What it is compared with.")] = None,
    dataset: MeantDataset = None,
    out: Out = DEFAULT_OUT,
    pairs: Annotated[
        str,
        typer.Option(help="patient, or slide or gene-slide (pseudo-replicated, on request only)."),
    ] = "patient",
    to: Annotated[Path | None, typer.Option("--to", help="Folder for the figures, PNG and SVG.")] = None,
    json: Json = False,
) -> None:
    """Paired view of two methods: slides, genes, the test and its verdict in a sentence."""
    from stbench.commands import compare as comparing

    if first is None or second is None:
        raise UsageError(
            "compare takes two methods, or rows' full labels as stbench leaderboard shows them; for instance: "
            "stbench compare ridge smooth --dataset demo"
        )
    dataset = meant_dataset(dataset, out)
    views, problems = comparing.compare(out, first, second, dataset, pairs)
    figures = [path for view in views for path in comparing.draw(view, to)] if to is not None else []
    if json:
        print_json({"views": [_plain(view) for view in views], "figures": list(map(str, figures))})
    else:
        _show(views, [*problems, *(f"written: {path}" for path in figures)])


def _plain(view) -> dict:
    slides = [
        {"slide": slide, "first": one, "second": other, "difference": one - other}
        for slide, (one, other) in view.slides.items()
    ]
    names = {
        "table": view.table.id,
        "synthetic": view.table.synthetic,
        "first": view.first.label,
        "second": view.second.label,
    }
    return names | {"slides": slides, "test": asdict(view.test), "sentence": view.sentence}


def _show(views: list, messages_after: list[str]) -> None:
    from stbench.cli.consoles import messages, output
    from stbench.cli.grids import print_grid
    from stbench.names import shown_name
    from stbench.reporting.tables.brief import brief_heading
    from stbench.reporting.tables.columns import label

    for view in views:
        output().print(brief_heading(view.table), style="bold", markup=False)
        titles = ("slide", label(view.first), label(view.second), "difference")
        lines = [
            (shown_name(slide), f"{one:.3f}", f"{other:.3f}", f"{one - other:+.3f}")
            for slide, (one, other) in view.slides.items()
        ]
        print_grid(titles, lines, caption="PCC by slide")
        output().print(view.sentence, markup=False)
    for line in messages_after:
        messages().print(line, markup=False)
