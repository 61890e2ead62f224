"""`stbench new-method`: a folder for a new method."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer


def new_method(
    name: Annotated[str, typer.Argument(help="Name of the method, lower case with hyphens.")],
    standalone: Annotated[
        Path | None, typer.Option("--standalone", help="Write a package of its own into this folder instead.")
    ] = None,
    template: Annotated[
        str,
        typer.Option("--template", help="What it starts from: sklearn (a ridge) or torch (a small network)."),
    ] = "sklearn",
) -> None:
    """Write a method's folder that passes `stbench check` and waits for your idea."""
    from stbench.cli.consoles import output
    from stbench.commands.new_method import Template, write_method

    folder, next_steps = write_method(name, standalone, cast(Template, template))
    output().print(f"Wrote {folder}.\n{next_steps}", markup=False)
