"""Cached arrays: one path per identity, made once, whole or not at all, whoever else is at work.

An identity is a plain dictionary that holds everything the content depends on; its hash names the file. The
identity itself lies beside the array, so that a person can see what a file is.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from stbench.errors import StorageError, UnknownName
from stbench.files import cache_root, hash_value, locked, replacing, write_json

Identity = dict[str, Any]
CACHE_KINDS = ("embeddings", "generated", "hashes", "images", "patches", "thumbnails", "weights")


class CacheRoom(NamedTuple):
    """What one kind of cached product holds."""

    kind: str
    n_files: int
    megabytes: float


def array_path(kind: str, identity: Identity) -> Path:
    """Where the array of that identity lies or will lie."""
    return cache_root() / kind / f"{hash_value(identity)}.npy"


def cached_array(kind: str, identity: Identity, make: Callable[[Path], None]) -> np.ndarray:
    """The array of that identity, memory-mapped read-only; `make` writes it to the path it is given if need be.

    Two processes that want the same array wait for each other: one makes it, the other reads it.
    """
    path = array_path(kind, identity)
    if not path.is_file():
        with locked(path):
            if not path.is_file():
                _remove_leftovers(path)
                with replacing(path) as temporary:
                    make(temporary)
                write_json(path.with_suffix(".json"), identity)
    try:
        return np.load(path, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise StorageError(f"The cached {path} is damaged ({error}). Delete it and run again.") from error


def _remove_leftovers(path: Path) -> None:
    """Delete what a killed maker of that array left half-written; whoever calls this holds its lock."""
    for leftover in path.parent.glob(f".{path.name}.*"):
        leftover.unlink(missing_ok=True)


def array_hash(array: np.ndarray) -> str:
    """Hash of an array's values, shape and type."""
    array = np.ascontiguousarray(array)
    digest = hashlib.sha256(array.tobytes()).hexdigest()
    return hash_value({"shape": list(array.shape), "type": str(array.dtype), "values": digest})


def cache_rooms() -> list[CacheRoom]:
    """What the caches hold, one entry a kind that is there."""
    rooms = []
    for folder in (cache_root() / kind for kind in CACHE_KINDS):
        if not folder.is_dir():
            continue
        files = [p for p in folder.rglob("*") if p.is_file()]
        rooms.append(CacheRoom(folder.name, len(files), sum(p.stat().st_size for p in files) / 1e6))
    return rooms


def clear_cache(kinds: tuple[str, ...]) -> None:
    """Delete the cached products of those kinds; they are made again when needed.

    Nothing else below the cache's folder is touched: it may be a folder that holds other things as well.
    Raises UnknownName for what is no kind of cached product, StorageError where it cannot be deleted.
    """
    for kind in kinds:
        if kind not in CACHE_KINDS:
            raise UnknownName("kind of cached product", kind, CACHE_KINDS)
        folder = cache_root() / kind
        try:
            if folder.is_dir():
                shutil.rmtree(folder)
        except OSError as error:
            raise StorageError(f"Cannot delete {folder}: {error}.") from error
