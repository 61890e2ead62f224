"""`stbench methods`: the methods there are, or one method's card."""

from __future__ import annotations

from typing import Annotated

import typer

from stbench.cli.cards import list_cards, show_card
from stbench.cli.options import Json


def methods(
    name: Annotated[str | None, typer.Argument(help="Show this method's card.")] = None, json: Json = False
) -> None:
    """The methods there are, or one method's card."""
    from stbench.cli.consoles import say

    if name is not None:
        show_card("method", name, json)
    else:
        list_cards("method", json, ("title", "kind", "family", "year"))
        if not json:
            say("One card, with settings and cost: stbench methods NAME")
