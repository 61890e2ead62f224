"""Where words go: results to standard output, messages to standard error."""

from __future__ import annotations

from rich.console import Console


def messages() -> Console:
    """Where messages go: standard error, unstyled."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def output() -> Console:
    """Where results go: standard output; wide where it is no terminal, so that nothing is cut."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=160)
