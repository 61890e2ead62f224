"""`--dataset` of commands that ask more of results: left out, it is the only one that has any."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

MeantDataset = Annotated[
    str | None,
    typer.Option(
        "--dataset", help="Dataset name, or path:DIR (default: the only one that has results under --out)."
    ),
]


def meant_dataset(dataset: str | None, out: Path, bundles: Sequence[Path] = ()) -> str:
    """The data set that was named, else the only one with results, which is said."""
    if dataset is not None:
        return dataset
    from stbench.cli.consoles import messages
    from stbench.commands.held_results import only_dataset

    found = only_dataset(out, bundles)
    messages().print(f"Data set {found}, the only one with results under {out}.", markup=False)
    return found
