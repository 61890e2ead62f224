"""Where the rest of a table is to be had that a terminal has no room for, as commands that can be copied."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from stbench.cli.options import DEFAULT_OUT


def say_where_the_rest_is(
    out: Path, bundles: Sequence[Path] = (), wide: bool = False, explain: bool = False
) -> None:
    """One line with the command that shows all columns, and the option that says what they mean; not what is shown.

    wide, explain  which of the two this table was asked for
    """
    from stbench.cli.consoles import messages

    more = ["--wide (all columns)"] * (not wide) + ["--explain (what they mean)"] * (not explain)
    if more:
        messages().print(f"More: {command('leaderboard', out, bundles)} {', '.join(more)}")


def command(name: str, out: Path, bundles: Sequence[Path] = ()) -> str:
    """`stbench NAME` on these results, as a shell takes it; a folder below this one is named from here."""
    words = ["stbench", name]
    if out.absolute() != DEFAULT_OUT.absolute():
        words += ["--out", str(_from_here(out))]
    for bundle in bundles:
        words += ["--bundle", str(bundle)]
    return shlex.join(words)


def _from_here(out: Path) -> Path:
    try:
        return out.absolute().relative_to(Path.cwd())
    except ValueError:
        return out
