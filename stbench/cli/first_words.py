"""What a run says before it loads a library or opens a file, so that nobody looks at an empty screen."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from stbench.cli.consoles import messages
from stbench.commands.known_names import check_known


def say_what_is_read(
    methods: Iterable[str], dataset: str | None, out: Path, suite: str | None = None
) -> None:
    """One line on standard error; UnknownName instead of it for a method or dataset that there is not."""
    check_known(methods, dataset)
    what = dataset if suite is None else f"suite {suite}"
    if what is None:
        return
    messages().print(f"Reading {what} and what lies under {out}.", markup=False)
