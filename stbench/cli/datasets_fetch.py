"""`stbench datasets fetch`: whose data these are, what is to come, and the transfer."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
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
    from stbench.cli.consoles import messages
    from stbench.cli.transfers import TransferBars
    from stbench.commands.datasets_fetch import find

    if json and not dry_run:
        raise UsageError("datasets fetch prints no table; --json goes with --dry-run.")
    wanted = find(name, data_root)
    if steps := wanted.steps:
        _print_steps(steps)
        sys.exit(2)
    if dry_run and (wanted.downloads or wanted.card.generated):
        plan = wanted.plan()
        messages().print(_terms(wanted.card))
        print_json({"dataset": wanted.name, **_document(plan)}) if json else _print_table(plan)
    elif not wanted.downloads:
        wanted.fetch()
    else:
        messages().print(_terms(wanted.card))
        with TransferBars() as bars:
            wanted.fetch(bars)


def _print_steps(steps: Sequence[str]) -> None:
    """A step a line and a path a line; sentences are broken at words, paths never."""
    from stbench.cli.consoles import messages

    console = messages()
    for line in steps:
        later = "   " if line[:1].isdigit() else ""
        wrapped = textwrap.wrap(
            line, console.width, subsequent_indent=later, break_long_words=False, break_on_hyphens=False
        )
        for part in [line] if line.startswith(" ") else wrapped:
            console.print(part)


def _terms(card: DatasetCard) -> str:
    """Whose data these are and under which licence, to be read before they are on disk."""
    return f"{card.title}\nCitation: {card.citation}\nLicence: {card.licence}"


def _document(plan: Plan) -> dict[str, object]:
    files = [
        {"name": file.name, "url": file.address, "size": file.size, "checksum": file.stated, "there": there}
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

    from stbench.cli.consoles import output
    from stbench.cli.grids import print_grid
    from stbench.cli.transfers import summary

    lines = [
        (file.name, "not stated" if file.size is None else decimal(file.size), state)
        for group, state in ((plan.there, "there"), (plan.missing, "to download"))
        for file in group
    ]
    print_grid(("file", "size", "state"), lines)
    for file in (*plan.there, *plan.missing):
        output().print(file.address, soft_wrap=True)  # to be copied whole
    output().print(summary(plan), markup=False)
