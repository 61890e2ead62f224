"""What a method prints during a trial, shown to the person who runs it."""

from __future__ import annotations

import sys

from stbench.names import cleaned

# Of what a method prints, so much is shown.
_MOST_LINES, _LONGEST_LINE = 40, 300
_printed: set[int] = set()


def print_words(words: str) -> None:
    """What a method printed goes to standard error, within bounds, and once where every trial says the same."""
    if hash(words) not in _printed:
        _printed.add(hash(words))
        lines = [cleaned(line, _LONGEST_LINE) for line in words.splitlines()]
        print("\n".join(lines[-_MOST_LINES:]), file=sys.stderr)
