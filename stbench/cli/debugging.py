"""Whether --debug was given: tracebacks are shown then."""

from __future__ import annotations

_wanted = [False]


def debug_if(wanted: bool) -> None:
    """Note what the command line asked for."""
    _wanted[0] = wanted


def debugging() -> bool:
    """Whether tracebacks are to be shown."""
    return _wanted[0]
