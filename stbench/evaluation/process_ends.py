"""How a process ended, in words for a row."""

from __future__ import annotations

import signal

_SIGKILL = 9  # not named on every system


def words_of_end(status: int) -> str:
    """What stands after "the process": of an exit code, or minus the signal that ended it."""
    if status >= 0:
        return f"ended itself (exit code {status})"
    hint = "; out of memory is the usual reason" if status == -_SIGKILL else ""
    return f"died (signal {-status}, {signal.strsignal(-status)}){hint}"
