"""Cards as tables: one plugin's, or a line for each plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stbench.cli.options import print_json

if TYPE_CHECKING:
    from rich.table import Table


def list_or_show(
    kind: Any,
    name: str | None,
    json: bool,
    card_of: Any,
    columns: tuple[str, ...],
    extra: dict[str, Any] | None = None,
) -> None:
    """Print one card, or a table of all cards with the columns named; broken plugins are named and skipped."""
    from rich.table import Table

    from stbench import registry
    from stbench.cli.consoles import messages, output

    if name is not None:
        found = registry.find(kind, name).name
        card = card_of(found).model_dump(mode="json", exclude_none=not json)
        print_json({"name": found, **card}) if json else output().print(_as_table(found, card))
        return
    broken = registry.broken_plugins(kind)
    cards = {
        n: card_of(n).model_dump(mode="json") | (extra or {}).get(n, {})
        for n in registry.plugins(kind)
        if n not in broken
    }
    columns = (*columns, *({key for facts in (extra or {}).values() for key in facts}))
    if json:
        print_json({f"{kind}s": [{"name": n, **card} for n, card in cards.items()], "broken": broken})
        return
    table = Table(kind, *(column.replace("_", " ") for column in columns))
    for n, card in cards.items():
        table.add_row(n, *("" if card.get(column) is None else str(card[column]) for column in columns))
    output().print(table)
    for n, reason in broken.items():
        messages().print(f"warning: {kind} {n} is broken and left out: {reason}", markup=False)


def _as_table(name: str, card: dict[str, Any]) -> Table:
    import yaml
    from rich.markup import escape
    from rich.table import Table

    table = Table("field", "value", title=name, title_justify="left")
    for field, value in card.items():
        if value not in (None, "", [], {}, ()):
            plain = isinstance(value, str)
            words = value if plain else yaml.safe_dump(value, default_flow_style=True).strip("\n. ")
            table.add_row(field, escape(words))
    return table
