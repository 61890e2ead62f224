"""`stbench new-method`: a folder for a new method."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def new_method(
    name: Annotated[str, typer.Argument(help="Name of the method, lower case with hyphens.")],
    standalone: Annotated[
        Path | None, typer.Option("--standalone", help="Write a package of its own into this folder instead.")
    ] = None,
) -> None:
    """Write a method's folder that passes `stbench check` and waits for your idea."""
    from stbench.cli.consoles import output
    from stbench.commands.new_method import write_method

    folder, next_steps = write_method(name, standalone)
    output().print(f"Wrote {folder}.\n{next_steps}", markup=False)
