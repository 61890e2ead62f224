"""Cached arrays: one path per identity, made once, whole or not at all, whoever else is at work.

An identity is a plain dictionary that holds everything the content depends on; its hash names the file. The
identity itself lies beside the array, so that a person can see what a file is, and so does a checksum of the file.
Each process compares it when it first maps an array, and what is damaged is made again. The checksum is CRC-32, the
cheapest there is: disks and cut-off copies damage files by accident, not on purpose, and the array that it reads comes
into memory where it is about to be used anyway.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from stbench.errors import StorageError, UnknownName
from stbench.files import cache_root, hash_value, locked, read_json_or_none, replacing, write_json

Identity = dict[str, Any]
CACHE_KINDS = (
    "embeddings",
    "generated",
    "hashes",
    "images",
    "panels",
    "patches",
    "products",
    "thumbnails",
    "weights",
)
_BLOCK = 1 << 20
# Arrays that this process has compared with their checksum, each as it was then: path, inode, size, time of change.
_compared: set[tuple[str, int, int, int]] = set()


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

    Two processes that want the same array wait for each other: one makes it, the other reads it. A damaged array is
    made again, with a warning. Raises StorageError where it can be neither read nor made.
    """
    path = array_path(kind, identity)
    if (array := _whole_array(path)) is not None:
        return array
    with locked(path):
        if (array := _whole_array(path)) is not None:
            return array
        if path.exists():
            warnings.warn(f"The cached {path} is damaged; it is made again.", stacklevel=2)
        _remove_leftovers(path)
        try:
            with replacing(path) as temporary:
                make(temporary)
                # Before the array takes its name: a kill in between leaves what does not agree and is made again.
                _write_checksum(path, temporary)
        except EOFError as error:  # elsewhere taken for Ctrl-C, or for the end of the parent process
            raise StorageError(
                f"{path} cannot be made: a file that it is made of is cut off ({error})."
            ) from error
        write_json(path.with_suffix(".json"), identity)
        array = _whole_array(path)
    if array is None:
        raise StorageError(
            f"{path} was damaged as soon as it was written; look after the disk that it lies on."
        )
    return array


def _whole_array(path: Path) -> np.ndarray | None:
    """The array in a file, memory-mapped read-only; None where it is missing or damaged.

    An array of a version that wrote no checksums is given one, if it has the length that its header asks for.
    """
    try:
        array = np.load(path, mmap_mode="r")
        status = path.stat()
        seen = (str(path), status.st_ino, status.st_size, status.st_mtime_ns)
        if seen in _compared:
            return array
        known = read_json_or_none(_checksum_file(path))
        if not isinstance(known, dict):
            with contextlib.suppress(StorageError):  # a cache that may only be read is used all the same
                _write_checksum(path, path)
        elif known != _checksum(path):
            return None
    except (FileNotFoundError, ValueError, EOFError):  # EOFError is what numpy says of an empty file
        return None
    except OSError as error:
        raise StorageError(f"The cached {path} cannot be read: {error.strerror or error}.") from error
    _compared.add(seen)
    return array


def _checksum_file(path: Path) -> Path:
    return path.with_suffix(".crc32")


def _write_checksum(path: Path, content: Path) -> None:
    """Write down, for the array at `path`, the checksum of the file `content`."""
    write_json(_checksum_file(path), _checksum(content))


def _checksum(path: Path) -> dict[str, int]:
    """Length and CRC-32 of a file."""
    crc = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            crc = zlib.crc32(block, crc)
        return {"bytes": file.tell(), "crc32": crc}


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
