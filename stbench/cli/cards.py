"""Cards as tables: one plugin's, or a line for each plugin."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from stbench.cli.options import print_json

if TYPE_CHECKING:
    from rich.table import Table

    from stbench.registry import Kind


# What a card states of single slides, for checks; --json has it.
_FOR_PROGRAMS = ("expected",)


def show_card(kind: Kind, name: str, json: bool) -> None:
    """Print one plugin's card."""
    from stbench.cli.consoles import output
    from stbench.cli.method_card import method_table
    from stbench.commands import listing

    card = listing.card(kind, name, every_field=json)
    if json:
        print_json(card)
    elif kind == "method":
        output().print(method_table(card))
    else:
        output().print(as_table(card.pop("name"), card | {"more": _next_commands(name, card)}))


def _next_commands(name: str, card: Mapping[str, Any]) -> str:
    """What is typed after a data set's card was read."""
    from stbench.commands.by_hand import is_by_hand

    if card.get("own_folder"):
        return f"stbench datasets check {name}:DIR"
    by_hand = is_by_hand(str(card.get("download") or ""))
    what = " (what to fetch by hand, and where to put it)" if by_hand else ""
    fetch = "" if card.get("generated") else f"stbench datasets fetch {name}{what}; "
    return f"{fetch}stbench datasets check {name}; --json has every field"


def list_cards(
    kind: Kind,
    json: bool,
    columns: tuple[str, ...],
    titles: Mapping[str, str] = {},
    more: Callable[[str], dict[str, Any]] = lambda name: {},
) -> None:
    """Print a table of all cards with the columns named; broken plugins are named and skipped.

    titles  what columns are called where that is another word than the field's
    more    further facts of a plugin, by its name
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from stbench.cli.consoles import messages, output
    from stbench.commands import listing

    cards, broken = listing.cards(kind)
    rows = [{"name": name, **card, **more(name)} for name, card in cards.items()]
    if json:
        print_json({f"{kind}s": rows, "broken": broken})
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column(kind, no_wrap=True)  # a name is typed as it stands there
    for column in columns:
        table.add_column(
            titles.get(column, column),
            overflow="fold",
            justify="right" if column.startswith("n_") else "left",
            min_width=_LONGEST_WORD if column == "title" else None,
        )
    for row in rows:
        table.add_row(row["name"], *("" if row.get(c) is None else _short(str(row[c]), c) for c in columns))
    output().print(table)
    for name, reason in broken.items():
        messages().print(f"warning: {kind} {name} is broken and left out: {reason}", markup=False)


# "Triple-negative", "adenocarcinoma,": letters that a title needs.
_LONGEST_WORD = 15
# Where a list's cell ends: what follows is said once, below the table, or by the card.
_ENDS = {"platform": ",", "on_disk": "; |, | when | slides"}


def _short(words: str, column: str) -> str:
    """What a list has room for, so that titles are not broken within a word at 80 columns."""
    return re.split(_ENDS.get(column, ";"), words)[0]


def as_table(name: str, card: dict[str, Any]) -> Table:
    """One card as its fields that have a value, in two columns without rules: what is copied from them is whole."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("name", name)
    for field, value in card.items():
        if value and field not in _FOR_PROGRAMS:
            table.add_row(field.removeprefix("n_").replace("_", " "), _in_words(value))
    return table


def _in_words(value: Any) -> str:
    """A field's value: sentences on lines of their own, names in a row."""
    import yaml

    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return ("\n" if any(part.endswith(".") for part in value) else ", ").join(value)
    return yaml.safe_dump(value, default_flow_style=True).strip("\n. ")
