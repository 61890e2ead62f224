"""`stbench bundle`: everything behind a table in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stbench.cli.options import DEFAULT_OUT, Out


def bundle(
    to: Annotated[Path, typer.Option("--to", help="The archive to write, results.zip for instance.")],
    out: Out = DEFAULT_OUT,
    with_truth: Annotated[
        bool, typer.Option("--with-truth", help="Also the panel's counts, which are the data set's own.")
    ] = False,
) -> None:
    """Pack Records, predictions and a manifest with their hashes and the data sets' terms into one archive."""
    from stbench.cli.consoles import messages
    from stbench.commands import bundle as bundling

    n_records = bundling.bundle(out, to, with_truth)
    size = to.stat().st_size / 1e6
    truth = "with the truth, whose terms its manifest states" if with_truth else "without truth"
    check = f"stbench verify {to}{'' if with_truth else ' --data-root DIR'}"
    messages().print(
        f"{to}: {n_records} Records {truth}, {size:.1f} MB. Check it with: {check}", markup=False
    )
