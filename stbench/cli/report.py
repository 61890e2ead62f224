"""`stbench report`: everything that was run as one page that opens from disk."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stbench.cli.options import DEFAULT_OUT, Out, names
from stbench.cli.sources import Bundles, Reference
from stbench.errors import StbenchError


def report(
    to: Annotated[Path, typer.Option("--to", help="Folder for index.html and figures/.")],
    out: Out = DEFAULT_OUT,
    bundle: Bundles = None,
    reference: Reference = None,
    genes: Annotated[
        str | None, typer.Option("--genes", help="Genes to draw on every slide, comma-separated: FASN,GNAS.")
    ] = None,
) -> None:
    """One page with tables, maps, tests and provenance, from what is stored under --out (and in bundles)."""
    from stbench.cli.consoles import messages
    from stbench.names import counted

    messages().print(f"Reading what lies under {out} and drawing it; this may take a minute.", markup=False)
    from stbench.commands import report as reporting

    written = reporting.report(out, bundle or [], to, reference, names(genes))
    for problem in written.problems:
        messages().print(f"warning: {problem}", markup=False)
    for sentence in written.left_out:
        messages().print(f"warning: {sentence}", markup=False)
    size = written.page.stat().st_size / 1e6
    tables = f"{written.n_tables} table{'' if written.n_tables == 1 else 's'}"
    messages().print(f"{written.page}: {tables}, {size:.1f} MB; {len(written.figures)} figures beside it.")
    if written.problems:
        raise StbenchError(
            f"{counted(len(written.problems), 'file')} could not be used; see the warnings and the page."
        )
