"""`stbench datasets fetch`: whose data these are, what is to come, and the transfer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from stbench.cli.options import DataRoot, Json, print_json
from stbench.errors import UsageError

if TYPE_CHECKING:
    from stbench.contract import DatasetCard
    from stbench.fetching import Plan


def fetch_dataset(
    name: str,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the files and their sizes; download nothing.")
    ] = False,
    data_root: DataRoot = None,
    json: Json = False,
) -> None:
    """Download a dataset, or say where to get it; what is there already is left alone."""
    from stbench import registry
    from stbench.cli.consoles import messages
    from stbench.cli.transfers import TransferBars
    from stbench.commands import choosing
    from stbench.fetching import plan_fetch
    from stbench.files import make_folder

    if json and not dry_run:
        raise UsageError("datasets fetch prints no table; --json goes with --dry-run.")
    plugin = registry.find("dataset", name)
    card = registry.dataset_card(plugin.name)
    dataset = registry.load_dataset(plugin.name)()
    # A data root that does not exist yet is made by the transfer.
    fresh = data_root is not None and not data_root.exists() and not card.own_folder
    root = data_root if fresh and data_root is not None else choosing.data_folder(name, data_root)
    if card.generated and dry_run:
        raise UsageError(f"{plugin.name} is generated on this machine when first used; it downloads nothing.")
    if card.generated or card.own_folder:
        dataset.fetch(make_folder(root))
        return
    messages().print(_terms(card))
    if dry_run:
        plan = plan_fetch(dataset.remote_files(dataset.home(root)), dataset.home(root))
        print_json({"dataset": plugin.name, **_document(plan)}) if json else _print_table(plan)
        return
    with TransferBars() as bars:
        dataset.fetch(make_folder(root), bars)


def _terms(card: DatasetCard) -> str:
    """Whose data these are and under which licence, to be read before they are on disk."""
    return f"{card.title}\nCitation: {card.citation}\nLicence: {card.licence}"


def _document(plan: Plan) -> dict[str, object]:
    files = [
        {"name": file.name, "url": file.url, "size": file.size, "checksum": file.stated, "there": there}
        for group, there in ((plan.there, True), (plan.missing, False))
        for file in group
    ]
    return {
        "folder": str(plan.folder),
        "files": files,
        "bytes_left": plan.bytes_left,
        "bytes_free": plan.bytes_free,
    }


def _print_table(plan: Plan) -> None:
    from rich.filesize import decimal
    from rich.markup import escape
    from rich.table import Table

    from stbench.cli.consoles import output
    from stbench.cli.transfers import summary

    table = Table("file", "size", "state", "address")
    for group, state in ((plan.there, "there"), (plan.missing, "to download")):
        for file in group:
            size = "not stated" if file.size is None else decimal(file.size)
            table.add_row(escape(file.name), size, state, escape(file.url))
    output().print(table)
    output().print(summary(plan), markup=False)
