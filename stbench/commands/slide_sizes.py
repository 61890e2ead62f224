"""How many spots slides have, for guesses: as the card states, as was read before, else as is read now."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from stbench.contract import DatasetCard, SlideSource
from stbench.errors import StbenchError
from stbench.files import cache_root, hash_files, hash_value, read_json_or_none, write_json

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
    try:
        memory = cache_root() / "hashes" / f"spots-{hash_value([source.id, hash_files(source.files)])}.json"
        known = read_json_or_none(memory)
        if isinstance(known, int):
            return known
        n_spots = source.read().n_spots
        write_json(memory, n_spots)
    except (StbenchError, OSError, ValueError):  # it is named where the slide is needed
        return None
    return n_spots
