"""`stbench methods`: the methods there are, or one method's card."""

from __future__ import annotations

from typing import Annotated

import typer

from stbench.cli.cards import list_or_show
from stbench.cli.options import Json


def methods(
    name: Annotated[str | None, typer.Argument(help="Show this method's card.")] = None, json: Json = False
) -> None:
    """The methods there are, or one method's card."""
    from stbench import registry

    list_or_show("method", name, json, registry.method_card, ("kind", "family", "year", "title"))
