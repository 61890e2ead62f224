"""Cards as tables: one plugin's, or a line for each plugin."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from stbench.cli.options import print_json

if TYPE_CHECKING:
    from rich.table import Table

    from stbench.registry import Kind


def show_card(kind: Kind, name: str, json: bool) -> None:
    """Print one plugin's card."""
    from stbench.cli.consoles import output
    from stbench.commands import listing

    card = listing.card(kind, name, every_field=json)
    print_json(card) if json else output().print(as_table(card.pop("name"), card))


def list_cards(
    kind: Kind,
    json: bool,
    columns: tuple[str, ...],
    more: Callable[[str], dict[str, Any]] = lambda name: {},
) -> None:
    """Print a table of all cards with the columns named; broken plugins are named and skipped.

    more  further facts of a plugin, by its name
    """
    from rich.table import Table

    from stbench.cli.consoles import messages, output
    from stbench.commands import listing

    cards, broken = listing.cards(kind)
    rows = [{"name": name, **card, **more(name)} for name, card in cards.items()]
    if json:
        print_json({f"{kind}s": rows, "broken": broken})
        return
    table = Table(kind, *(column.replace("_", " ") for column in columns))
    for row in rows:
        table.add_row(row["name"], *("" if row.get(c) is None else str(row[c]) for c in columns))
    output().print(table)
    for name, reason in broken.items():
        messages().print(f"warning: {kind} {name} is broken and left out: {reason}", markup=False)


def as_table(name: str, card: dict[str, Any]) -> Table:
    """One card as a table of its fields that have a value."""
    import yaml
    from rich.table import Table

    table = Table("field", "value", title=name, title_justify="left")
    for field, value in card.items():
        if value not in (None, "", [], {}, ()):
            plain = isinstance(value, str)
            words = value if plain else yaml.safe_dump(value, default_flow_style=True).strip("\n. ")
            table.add_row(field, words)
    return table
