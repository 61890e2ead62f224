"""`stbench encoders`: the frozen image encoders there are, or one encoder's card."""

from __future__ import annotations

from typing import Annotated, Any

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
    from stbench.cli.consoles import messages, say
    from stbench.cli.grids import print_grid
    from stbench.commands import listing

    rows, broken = listing.encoders()
    if json:
        print_json({"encoders": rows, "broken": broken})
        return
    lines = [_line(row) for row in rows]
    print_grid(("encoder", "width", "patch um", "weights", "access"), lines)
    say(f"Gated weights: accept their terms at {_HUB}NAME, then: huggingface-cli login")
    for name, reason in broken.items():
        messages().print(f"warning: encoder {name} is broken and left out: {reason}", markup=False)


def _line(row: dict[str, Any]) -> tuple[str, str, str, str, str]:
    """An encoder's name, sizes, training data, and where its weights come from by whose leave."""
    microns = "" if row["patch_um"] is None else f"{row['patch_um']:g}"
    default, gated = "default; " if row["default"] else "", "gated: " if row["gated"] else ""
    access = default + gated + row["access"].removeprefix(_HUB)
    return row["name"], str(row["width"]), microns, row["weights"], access
