"""`stbench encoders`: the frozen image encoders there are, or one encoder's card."""

from __future__ import annotations

from typing import Annotated

import typer

from stbench.cli.options import Json, print_json

_HUB = "https://huggingface.co/"


def encoders(
    name: Annotated[str | None, typer.Argument(help="Show this encoder's card.")] = None, json: Json = False
) -> None:
    """The frozen image encoders there are, or one encoder's card."""
    from stbench.commands import listing

    if name is None:
        _list(json)
        return
    card = listing.encoder(name, every_field=json)
    if json:
        print_json(card)
        return
    from stbench.cli.cards import as_table
    from stbench.cli.consoles import output

    output().print(as_table(card.pop("name"), card))


def _list(json: bool) -> None:
    """Print a line for each encoder; broken plugins are named and skipped."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from stbench.cli.consoles import messages, output, say
    from stbench.commands import listing

    rows, broken = listing.encoders()
    if json:
        print_json({"encoders": rows, "broken": broken})
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("encoder", no_wrap=True)
    for title in ("width", "patch\num", "weights", "access"):
        table.add_column(title, overflow="fold")
    for row in rows:
        mark = "default; " if row["default"] else ""
        microns = "" if row["patch_um"] is None else f"{row['patch_um']:g}"
        gated = "gated: " if row["gated"] else ""
        access = mark + gated + row["access"].removeprefix(_HUB)
        table.add_row(row["name"], str(row["width"]), microns, row["weights"], access)
    output().print(table)
    say(f"Gated weights: accept their terms at {_HUB}NAME, then: huggingface-cli login")
    for name, reason in broken.items():
        messages().print(f"warning: encoder {name} is broken and left out: {reason}", markup=False)
