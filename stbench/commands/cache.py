"""What the caches hold, and emptying them."""

from __future__ import annotations

from pathlib import Path

from stbench.files import cache_root
from stbench.preprocess.cache import CacheRoom, cache_rooms, clear_cache


def contents() -> tuple[Path, list[CacheRoom]]:
    """The folder of the caches, and how much each kind of cache holds."""
    return cache_root(), list(cache_rooms())


def clear() -> list[str]:
    """Delete everything that can be made again, and return the kinds of caches that held something."""
    kinds = [room.kind for room in cache_rooms()]
    clear_cache(tuple(kinds))
    return kinds
