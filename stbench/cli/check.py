"""`stbench check`: what every plugin must obey."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from stbench.cli.options import Json, print_json
from stbench.errors import UsageError

if TYPE_CHECKING:
    from stbench.commands.check import Verdict


def check(
    method: Annotated[str | None, typer.Argument(help="Method name, or model:FILE.")] = None,
    encoder: Annotated[str | None, typer.Option(help="Check this image encoder instead of a method.")] = None,
    device: Annotated[str, typer.Option(help="Where it is fitted: cpu, cuda, cuda:N, mps or auto.")] = "cpu",
    json: Json = False,
) -> None:
    """What every plugin must obey, a line per claim; exit status 1 where one does not hold."""
    from stbench.commands.printed_words import print_words

    if (method is None) == (encoder is None):
        raise UsageError("Name one method, as in `stbench check ridge`, or one encoder with --encoder NAME.")
    if method is not None:
        from stbench.commands.check import check_method
        from stbench.commands.check_released import check_released
        from stbench.commands.released import is_released

        check_it = check_released if is_released(method) else check_method
        _show(check_it(method, print_words, device), {"method": method}, json)
    elif encoder is not None:
        from stbench.commands.check_encoder import check_encoder

        _show(check_encoder(encoder, device), {"encoder": encoder}, json)


def _show(found: Iterator[Verdict], about: dict[str, str], json: bool) -> None:
    from rich.markup import escape

    from stbench.cli.consoles import each_kept_apart, output

    verdicts = []
    for verdict in each_kept_apart(found):
        verdicts.append(verdict)
        if not json:
            mark = "[green]PASS[/green]" if verdict.problem is None else "[red]FAIL[/red]"
            output().print(
                f"{mark} {escape(verdict.claim)}"
                + (f": {escape(verdict.problem or verdict.note)}" if verdict.problem or verdict.note else ""),
                markup=True,
            )
            for line in verdict.trace.rstrip().splitlines():
                output().print(f"     {line}")
    if json:
        print_json({**about, "claims": [verdict._asdict() for verdict in verdicts]})
    if any(verdict.problem for verdict in verdicts):
        sys.exit(1)
