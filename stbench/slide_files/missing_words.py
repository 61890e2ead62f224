"""The words that tables write where they know nothing: one list for patients, labels and all else."""

from __future__ import annotations

_WORDS = frozenset({"", "na", "n/a", "#n/a", "<na>", "nan", "none", "null"})


def known(text: str) -> str:
    """The text without blanks around it, "" where it is one of the words for nothing known, in any case of letters."""
    stripped = text.strip()
    return "" if stripped.lower() in _WORDS else stripped
