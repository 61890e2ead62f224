"""`stbench encoders`: the frozen image encoders there are, or one encoder's card."""

from __future__ import annotations

from typing import Annotated

import typer

from stbench.cli.options import Json, print_json


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
    from rich.table import Table

    from stbench.cli.consoles import messages, output
    from stbench.commands import listing

    rows, broken = listing.encoders()
    if json:
        print_json({"encoders": rows, "broken": broken})
        return
    table = Table("encoder", "width", "patch um", "weights", "access")
    table.columns[0].no_wrap = True
    for row in rows:
        mark = " (default)" if row["default"] else ""
        microns = "" if row["patch_um"] is None else f"{row['patch_um']:g}"
        gated = "gated: " if row["gated"] else ""
        table.add_row(row["name"] + mark, str(row["width"]), microns, row["weights"], gated + row["access"])
    output().print(table)
    for name, reason in broken.items():
        messages().print(f"warning: encoder {name} is broken and left out: {reason}", markup=False)
