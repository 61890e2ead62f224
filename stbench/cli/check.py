"""`stbench check`: what every plugin must obey."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from stbench.cli.options import Json, print_json


def check(method: Annotated[str, typer.Argument(help="Method name.")], json: Json = False) -> None:
    """What every plugin must obey, a line per claim; exit status 1 where one does not hold."""
    from rich.markup import escape

    from stbench.cli.consoles import each_kept_apart, output
    from stbench.commands import check as checks
    from stbench.commands.printed_words import print_words

    verdicts = []
    for verdict in each_kept_apart(checks.check_method(method, print_words)):
        verdicts.append(verdict)
        if not json:
            mark = "[green]PASS[/green]" if verdict.problem is None else "[red]FAIL[/red]"
            output().print(
                f"{mark} {escape(verdict.claim)}"
                + (f": {escape(verdict.problem)}" if verdict.problem else ""),
                markup=True,
            )
            for line in verdict.trace.rstrip().splitlines():
                output().print(f"     {line}")
    if json:
        print_json({"method": method, "claims": [verdict._asdict() for verdict in verdicts]})
    if any(verdict.problem for verdict in verdicts):
        sys.exit(1)
