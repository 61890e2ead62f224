"""How many spots slides have, for guesses: as the card states, as was read before, else as is read now."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from stbench.commands.known_slides import known_of
from stbench.contract import DatasetCard, SlideSource

_NOBODY_KNOWS = 300


def spots_of(sources: Sequence[SlideSource], card: DatasetCard) -> dict[str, int]:
    """slide -> number of spots; of one that cannot be read, the median of the others."""
    found = {source.id: _stated(source, card) or _read(source) for source in sources}
    known = [n for n in found.values() if n] or [_NOBODY_KNOWS]
    return {name: n or int(median(known)) for name, n in found.items()}


def _stated(source: SlideSource, card: DatasetCard) -> int | None:
    expected = card.expected.get(source.id)
    return expected.spots if expected else None


def _read(source: SlideSource) -> int | None:
    known = known_of(source)
    return known.spots if known else None
