"""`stbench encoders`: the frozen image encoders there are."""

from __future__ import annotations

from stbench.cli.options import Json, print_json


def encoders(json: Json = False) -> None:
    """The frozen image encoders there are."""
    from rich.table import Table

    from stbench.cli.consoles import output
    from stbench.commands import listing

    rows = listing.encoders()
    if json:
        print_json({"encoders": rows})
        return
    table = Table("encoder", "width", "weights", "access")
    for row in rows:
        mark = " (default)" if row["default"] else ""
        table.add_row(row["name"] + mark, str(row["width"]), row["weights"], row["access"])
    output().print(table)
