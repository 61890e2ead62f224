"""How presets of a method's settings are called where people read: `paper` is the settings of its publication."""

from __future__ import annotations

import re
from collections.abc import Collection

PUBLISHED = "published settings"
_PAPER = "paper"
# Where somebody called predictions made elsewhere "spahgc (paper, 200 epochs)".
_IN_A_NAME = re.compile(r"\(paper(?=[,)])")


def preset_words(variant: str, has_publication: bool = True) -> str:
    """A preset as part of a row's name; "" for the defaults of a method that nobody published."""
    if variant != _PAPER:
        return variant
    return PUBLISHED if has_publication else ""


def in_words(name: str) -> str:
    """A method's name with the preset in it called as people read it."""
    return _IN_A_NAME.sub(f"({PUBLISHED}", name)


def is_called(names: Collection[str], typed: str) -> bool:
    """Whether a row of these names is meant by what was typed: one of them in full, or the method alone."""
    return typed in names or any(name.partition(" (")[0] == typed for name in names)
