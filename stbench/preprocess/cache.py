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

from stbench.errors import StorageError
from stbench.files import cache_root, hash_value, locked, replacing, write_json

Identity = dict[str, Any]


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
                with replacing(path) as temporary:
                    make(temporary)
                write_json(path.with_suffix(".json"), identity)
    try:
        return np.load(path, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise StorageError(f"The cached {path} is damaged ({error}). Delete it and run again.") from error


def array_hash(array: np.ndarray) -> str:
    """Hash of an array's values, shape and type."""
    array = np.ascontiguousarray(array)
    digest = hashlib.sha256(array.tobytes()).hexdigest()
    return hash_value({"shape": list(array.shape), "type": str(array.dtype), "values": digest})


def cache_rooms() -> list[CacheRoom]:
    """What the caches hold, one entry a kind."""
    root = cache_root()
    rooms = []
    for folder in sorted(p for p in root.iterdir() if p.is_dir()) if root.is_dir() else ():
        files = [p for p in folder.rglob("*") if p.is_file()]
        rooms.append(CacheRoom(folder.name, len(files), sum(p.stat().st_size for p in files) / 1e6))
    return rooms


def clear_cache(kinds: tuple[str, ...]) -> None:
    """Delete the cached products of those kinds; they are made again when needed."""
    for kind in kinds:
        shutil.rmtree(cache_root() / kind, ignore_errors=True)
