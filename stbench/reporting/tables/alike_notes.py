"""Notes of many folds that differ in their numbers or slides alone, as one note: 'mean cosine 0.960 to 0.970'."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

# A number that stands alone: no part of a name (B4), a version (1.2.3), a hash (6cb1368) or a shape (3x3).
_NUMBER = r"(?<![\w.])[-+]?\d+(?:,\d{3})*(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w]|\.\d)"
# More slides than these are counted.
_MOST_SLIDES = 8


def summarised(notes: Iterable[str], slides: Collection[str] = ()) -> list[str]:
    """Each note once, in the order of its first: those that differ in numbers get their range, in slides all of them.

    slides  names that stand for slides where a note has them as words of their own
    """
    pattern = _pattern(slides)
    alike: dict[tuple[tuple[str, ...], tuple[bool, ...]], list[list[str]]] = {}
    for note in notes:
        words = note.rstrip(". ")
        found = pattern.findall(words)
        kinds = tuple(part in slides for part in found)
        alike.setdefault((tuple(pattern.split(words)), kinds), []).append(found)
    return [_one(around, kinds, found) for (around, kinds), found in alike.items()]


def _pattern(slides: Collection[str]) -> re.Pattern[str]:
    # The longest first, so that no name hides one that begins with it.
    names = (re.escape(name) for name in sorted(slides, key=len, reverse=True) if name)
    return re.compile("|".join([*(rf"(?<!\w){name}(?!\w)" for name in names), _NUMBER]))


def _one(around: Sequence[str], kinds: Sequence[bool], found: Sequence[Sequence[str]]) -> str:
    """The words around, and between them what all of these notes have there."""
    filled = [
        _slides(values) if is_slide else _range(values)
        for is_slide, values in zip(kinds, zip(*found, strict=True), strict=True)
    ]
    return "".join(part for pair in zip(around, [*filled, ""], strict=True) for part in pair)


def _slides(values: Sequence[str]) -> str:
    names = list(dict.fromkeys(values))
    return ", ".join(names) if len(names) <= _MOST_SLIDES else f"{len(names)} slides"


def _range(values: Sequence[str]) -> str:
    """The least and the greatest as they are written, or the only one."""
    least, most = (pick(values, key=_value) for pick in (min, max))
    return least if _value(least) == _value(most) else f"{least} to {most}"


def _value(number: str) -> float:
    return float(number.replace(",", ""))
