"""Where words go: results to standard output, everything else to standard error."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console

Item = TypeVar("Item")


def messages() -> Console:
    """Where messages go: standard error, unstyled, with brackets as they are."""
    return Console(stderr=True, highlight=False, soft_wrap=True, markup=False)


def output() -> Console:
    """Where results go: standard output; wide where it is no terminal, so that nothing is cut."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=160)


@contextlib.contextmanager
def results_kept_apart() -> Iterator[None]:
    """Whatever is printed inside, by a plugin or a process that it starts, goes to standard error."""
    sys.stdout.flush()
    try:
        kept = os.dup(1)
    except OSError:  # there is no standard output
        kept = None
    try:
        if kept is not None:
            os.dup2(2, 1)
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        if kept is not None:
            os.dup2(kept, 1)
            os.close(kept)


def each_kept_apart(items: Iterable[Item]) -> Iterator[Item]:
    """The same items; what is printed while one is made goes to standard error."""
    iterator = iter(items)
    while True:
        with results_kept_apart():
            try:
                item = next(iterator)
            except StopIteration:
                return
        yield item
