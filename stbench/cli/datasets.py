"""`stbench datasets`: those there are and what lies on disk; fetching and checking them are commands below it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from stbench.cli import datasets_check, datasets_fetch
from stbench.cli.cards import list_or_show
from stbench.cli.options import DataRoot, Json
from stbench.errors import StbenchError

datasets = typer.Typer(help="Datasets: list, fetch, check.", invoke_without_command=True)
datasets.command("fetch")(datasets_fetch.fetch_dataset)
datasets.command("check")(datasets_check.check_dataset)


@datasets.callback()
def list_datasets(context: typer.Context, data_root: DataRoot = None, json: Json = False) -> None:
    """The datasets there are, and which slides are on disk."""
    if context.invoked_subcommand is not None:
        return
    from stbench import registry

    extra = {name: _on_disk(name, data_root) for name in registry.plugins("dataset")}
    list_or_show(
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

    list_or_show("dataset", name, json, registry.dataset_card, ())


def _on_disk(dataset: str, data_root: Path | None) -> dict[str, Any]:
    """How much of a dataset lies on disk, in words; a generated one is made when first used."""
    from stbench import registry
    from stbench.commands import choosing

    try:
        if registry.dataset_card(dataset).own_folder:
            return {"on_disk": f"your own folder, {dataset}:DIR"}
        if registry.dataset_card(dataset).generated:
            return {"on_disk": "generated when first used"}
        sources, missing = choosing.find_slides(dataset, data_root)
    except StbenchError:
        return {"on_disk": f"no; stbench datasets fetch {dataset}"}
    return {"on_disk": f"{len(sources)} of {len(sources) + len(missing)} slides"}
