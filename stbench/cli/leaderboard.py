"""`stbench leaderboard`: the table of what was run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from stbench.cli.options import DEFAULT_OUT, Json, Out
from stbench.cli.sources import Bundles, Reference, opened_folders
from stbench.errors import StbenchError, UsageError

if TYPE_CHECKING:
    from stbench.record import Record


def leaderboard(
    out: Out = DEFAULT_OUT,
    format: Annotated[
        str | None, typer.Option("--format", help="md, csv, latex, html or json; default a terminal table.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", help="Write to this file instead of the terminal.")
    ] = None,
    sort: Annotated[str, typer.Option(help="pcc, pcc_given_depth or pcc_equal_depth.")] = "pcc",
    reference: Reference = "ridge",
    bundle: Bundles = None,
    json: Json = False,
) -> None:
    """Table of everything under --out (and in bundles), from the stored Records alone."""
    from stbench import registry
    from stbench.cli.consoles import messages, output
    from stbench.files import write_text
    from stbench.reporting.tables import formats
    from stbench.reporting.tables.leaderboard import SortScore, build_tables
    from stbench.reporting.tables.terminal import LeaderboardView

    writers = formats.FORMATS
    format = "json" if json else format or ("md" if to else None)
    if format is not None and format not in writers:
        raise UsageError(f"--format {format} is not one of {', '.join(writers)}.")
    if to is not None and to.is_dir():
        raise UsageError(f"--to {to} is a folder; name a file, {to / 'leaderboard.md'} for instance.")
    records, problems = _records(out, bundle or [])
    for problem in problems:
        messages().print(f"warning: {problem}", markup=False)
    if not records:
        raise UsageError(
            f"There are no Records under {out}. Run a method first: stbench run --method ridge --dataset demo"
        )
    if sort not in get_args(SortScore):
        raise UsageError(f"--sort {sort} is not one of {', '.join(get_args(SortScore))}.")
    tables = build_tables(records, cast(SortScore, sort), reference, registry.method_sources())
    if format is None:
        output().print(LeaderboardView(tables))
    elif to is None:
        print(writers[format](tables), end="")
    else:
        write_text(to, writers[format](tables))
    if problems:
        raise StbenchError(
            f"{len(problems)} files under {out} could not be read as Records; see the warnings."
        )


def _records(out: Path, bundles: list[Path]) -> tuple[list[Record], list[str]]:
    """The Records under `out` and in the bundles, and a sentence for each damaged file."""
    from stbench.reporting.results.merging import merged_records

    with opened_folders(out, bundles) as folders:
        return merged_records(folders)
