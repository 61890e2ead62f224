"""`stbench leaderboard`: the table of what was run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stbench.cli.options import DEFAULT_OUT, Json, Out
from stbench.cli.sources import Bundles, Reference
from stbench.errors import StbenchError, UsageError


def leaderboard(
    out: Out = DEFAULT_OUT,
    format: Annotated[
        str | None, typer.Option("--format", help="md, csv, latex, html or json; default a terminal table.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", help="Write to this file instead of the terminal.")
    ] = None,
    wide: Annotated[bool, typer.Option("--wide", help="All columns, rows and remarks.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Say what the columns mean.")] = False,
    sort: Annotated[str, typer.Option(help="pcc, pcc_given_depth or pcc_equal_depth.")] = "pcc",
    reference: Reference = None,
    bundle: Bundles = None,
    json: Json = False,
) -> None:
    """Table of everything under --out (and in bundles), from the stored Records alone."""
    from stbench.cli.consoles import messages, output
    from stbench.cli.the_rest import say_where_the_rest_is
    from stbench.commands.leaderboard import read_board, save_board
    from stbench.names import counted
    from stbench.reporting.tables import formats
    from stbench.reporting.tables.terminal import LeaderboardView

    writers = formats.FORMATS
    format = "json" if json else format or ("md" if to else None)
    if format is not None and format not in writers:
        raise UsageError(f"--format {format} is not one of {', '.join(writers)}.")
    if to is not None and to.is_dir():
        raise UsageError(f"--to {to} is a folder; name a file, {to / 'leaderboard.md'} for instance.")
    tables, problems = read_board(out, bundle or [], sort, reference)
    for problem in problems:
        messages().print(f"warning: {problem}", markup=False)
    if format is None:
        output().print(LeaderboardView(tables, wide, explain), crop=False)
        say_where_the_rest_is(out, bundle or [], wide, explain)
    elif to is None:
        print(writers[format](tables), end="")
    else:
        save_board(to, writers[format](tables))
    if problems:
        raise StbenchError(
            f"{counted(len(problems), 'source')} could not be read or believed; see the warnings."
        )
