"""`stbench datasets`: those there are and what lies on disk; fetching and checking them are commands below it."""

from __future__ import annotations

import typer
from typer.core import TyperGroup

from stbench.cli import datasets_check, datasets_fetch
from stbench.cli.cards import list_cards, show_card
from stbench.cli.options import DataRoot, Json


class _OrAName(TyperGroup):
    """Commands, or the name of a dataset, whose card is shown."""

    def resolve_command(self, ctx, args):
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            args = ["show", *args]
        return super().resolve_command(ctx, args)


datasets = typer.Typer(help="Datasets: list, fetch, check.", invoke_without_command=True, cls=_OrAName)
datasets.command("fetch")(datasets_fetch.fetch_dataset)
datasets.command("check")(datasets_check.check_dataset)


@datasets.callback()
def list_datasets(context: typer.Context, data_root: DataRoot = None, json: Json = False) -> None:
    """The datasets there are, and which slides are on disk."""
    if context.invoked_subcommand is not None:
        return
    from stbench.cli.consoles import say
    from stbench.commands.listing import on_disk

    columns = ("title", "platform", "n_slides", "n_patients", "on_disk")
    titles = {"n_slides": "slides", "n_patients": "patients", "on_disk": "on disk"}
    list_cards("dataset", json, columns, titles, lambda name: {"on_disk": on_disk(name, data_root)})
    if not json:
        say("One card: stbench datasets NAME. To download: stbench datasets fetch NAME")


@datasets.command("show")
def show_dataset(name: str, json: Json = False) -> None:
    """One dataset's card."""
    show_card("dataset", name, json)
