"""Where words go: results to standard output, everything else to standard error.

Names, notes and failures come from files and plugins: no console obeys a control character or markup in them, and
none shows more than a bound of them.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from stbench.names import printable
from stbench.wrapping import has_command, unbroken

Item = TypeVar("Item")
# Letters of one message or of one cell of a table.
_LONGEST = 2_000


class CleanConsole(Console):
    """A console that shows whatever it is given as it reads, cut where it has no end."""

    def render_str(self, text: str, **options: Any) -> Text:
        # Here already, since a table measures its cells before it shows them.
        return _bounded(super().render_str(printable(text), **options))

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(_bounded(renderable), options):
            # What moves the cursor, for a bar, rich marks as control; it is its own.
            yield segment if segment.control else Segment(printable(segment.text), segment.style)


def _bounded(shown: Any) -> Any:
    """A text with its middle left out where it is too long; anything else as it is."""
    if not isinstance(shown, Text) or len(shown) <= _LONGEST:
        return shown
    end = _LONGEST // 3
    return shown[: _LONGEST - end].append(" ... ").append_text(shown[-end:])


def messages() -> Console:
    """Where messages go: standard error, unstyled, with brackets as they are."""
    return CleanConsole(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)


def output() -> Console:
    """Where results go: standard output, with brackets as they are; wide where it is no terminal.

    What is to be coloured says so: a Text with a style, or print(..., markup=True).
    """
    console = CleanConsole(highlight=False, markup=False, emoji=False)
    if console.is_terminal:
        return console
    return CleanConsole(highlight=False, markup=False, emoji=False, width=160)


def say(sentence: str) -> None:
    """A sentence to where results go, on lines that fit; a command in it can be copied, for it is never broken."""
    console = output()
    if has_command(sentence):
        console.print(unbroken(sentence, console.width), soft_wrap=True)
    else:
        console.print(sentence)


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
