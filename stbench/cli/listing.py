"""What there is: methods, datasets, encoders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stbench.cli import fetching, inspecting
from stbench.cli.options import DataRoot, Json, print_json
from stbench.errors import StbenchError

if TYPE_CHECKING:
    from rich.table import Table

datasets = typer.Typer(help="Datasets: list, fetch, check.", invoke_without_command=True)
datasets.command("fetch")(fetching.fetch_dataset)
datasets.command("check")(inspecting.check_dataset)


def methods(
    name: Annotated[str | None, typer.Argument(help="Show this method's card.")] = None, json: Json = False
) -> None:
    """The methods there are, or one method's card."""
    from stbench import registry

    _list_or_show("method", name, json, registry.method_card, ("kind", "family", "year", "title"))


@datasets.callback()
def list_datasets(context: typer.Context, data_root: DataRoot = None, json: Json = False) -> None:
    """The datasets there are, and which slides are on disk."""
    if context.invoked_subcommand is not None:
        return
    from stbench import registry

    extra = {name: _on_disk(name, data_root) for name in registry.plugins("dataset")}
    _list_or_show(
        "dataset",
        None,
        json,
        registry.dataset_card,
        ("platform", "n_slides", "n_patients", "title", "download_size"),
        extra,
    )


@datasets.command("show")
def show_dataset(name: str, json: Json = False) -> None:
    """One dataset's card."""
    from stbench import registry

    _list_or_show("dataset", name, json, registry.dataset_card, ())


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


def _on_disk(dataset: str, data_root: Path | None) -> dict[str, Any]:
    """How much of a dataset lies on disk, in words; a generated one is made when first used."""
    from stbench import choosing, registry

    try:
        if registry.dataset_card(dataset).own_folder:
            return {"on_disk": f"your own folder, {dataset}:DIR"}
        if registry.dataset_card(dataset).generated:
            return {"on_disk": "generated when first used"}
        sources, missing = choosing.find_slides(dataset, data_root)
    except StbenchError:
        return {"on_disk": f"no; stbench datasets fetch {dataset}"}
    return {"on_disk": f"{len(sources)} of {len(sources) + len(missing)} slides"}


def _list_or_show(
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
