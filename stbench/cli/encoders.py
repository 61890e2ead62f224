"""`stbench encoders`: the frozen image encoders there are."""

from __future__ import annotations

from stbench.cli.options import Json, print_json


def encoders(json: Json = False) -> None:
    """The frozen image encoders there are."""
    from rich.table import Table

    from stbench.cli.consoles import output
    from stbench.preprocess.encoders import DEFAULT_ENCODER, ENCODERS

    rows = [
        {**encoder._asdict(), "default": encoder.name == DEFAULT_ENCODER} for encoder in ENCODERS.values()
    ]
    if json:
        print_json({"encoders": rows})
        return
    table = Table("encoder", "width", "weights", "access")
    for encoder in ENCODERS.values():
        mark = " (default)" if encoder.name == DEFAULT_ENCODER else ""
        table.add_row(encoder.name + mark, str(encoder.width), encoder.weights, encoder.access)
    output().print(table)
