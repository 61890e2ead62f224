"""`stbench bundle`: everything behind a table in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stbench.cli.options import DEFAULT_OUT, Out


def bundle(
    to: Annotated[Path, typer.Option("--to", help="The archive to write, results.zip for instance.")],
    out: Out = DEFAULT_OUT,
) -> None:
    """Pack Records, predictions, truths and a manifest with their hashes into one archive."""
    from stbench.cli.consoles import messages
    from stbench.commands import bundle as bundling

    n_records = bundling.bundle(out, to)
    size = to.stat().st_size / 1e6
    messages().print(f"{to}: {n_records} Records, {size:.1f} MB. Check it with: stbench verify {to}")
