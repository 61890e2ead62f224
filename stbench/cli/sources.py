"""Options that name where Records come from and what they are tested against."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Bundles = Annotated[
    list[Path] | None, typer.Option("--bundle", help="Join the Records of this bundle; repeatable.")
]
Reference = Annotated[
    str | None,
    typer.Option(
        "--reference",
        help="The row that all others are tested against, as the table names it (default: the one that the run named).",
    ),
]
