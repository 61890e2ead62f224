"""Hashing, locks and write-then-rename: the lowest room that touches disk.

Nothing here knows what it writes. A file appears whole or not at all: it is written under a temporary name
in the same folder, flushed to disk and renamed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import platformdirs
from filelock import FileLock

from stbench.errors import StorageError

# Coarser than the time stamps of any common file system.
_CLOCK_TICK_NS = 3_000_000_000


def cache_root() -> Path:
    """Folder of all caches: `$STBENCH_CACHE`, else the platform's user cache folder."""
    return Path(os.environ.get("STBENCH_CACHE") or platformdirs.user_cache_path("stbench"))


def default_data_root() -> Path:
    """Folder where datasets lie: `$STBENCH_DATA`, else `data` in the user cache folder."""
    return Path(os.environ.get("STBENCH_DATA") or platformdirs.user_cache_path("stbench") / "data")


def make_folder(folder: Path) -> Path:
    """Create `folder` with its parents; StorageError where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _storage_error(folder, error) from error
    return folder


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success it becomes `path` in one step, on failure it is removed."""
    make_folder(path.parent)
    temporary: Path | None = None
    try:
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}{path.suffix}")
        yield temporary
        with temporary.open("r+b") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        raise _storage_error(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` in one step."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON to `path` in one step; NaN is refused, so that any reader can read it."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def _storage_error(path: Path, error: OSError) -> StorageError:
    if isinstance(error.filename, str) and Path(error.filename).parent != path.parent:
        return StorageError(f"Cannot write {path}: {error}.")  # another file, read on the way, is at fault
    return StorageError(
        f"Cannot write {path}: {error.strerror or error}. Choose a folder that is writable and has space left."
    )


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock named after `path`; the system releases it when the process dies."""
    make_folder(path.parent)
    try:
        lock = FileLock(path.with_name(path.name + ".lock"))
        lock.acquire()
    except OSError as error:
        raise _storage_error(path, error) from error
    try:
        yield
    finally:
        lock.release()


def stamp_of(path: Path) -> tuple[int, ...]:
    """What tells a file from what it was before; () where it is not there, which reading says in words."""
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def hash_value(value: Any) -> str:
    """SHA-256 of a plain value's canonical JSON, first 16 hex digits."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes, remembered by size and times of change so that images are read once.

    Raises StorageError where the file cannot be read.
    """
    try:
        status = path.stat()
        times = [status.st_mtime_ns, status.st_ctime_ns]
        stamp = {"path": str(path.resolve()), "size": status.st_size, "time": times}
        memory = cache_root() / "hashes" / f"{hash_value(stamp)}.json"
        remembered = read_json_or_none(memory)
        if isinstance(remembered, dict) and remembered.get("stamp") == stamp:
            return remembered["sha256"]
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror or error}.") from error
    # A file that was written just now may be written again within the clock's tick and look the same.
    if time.time_ns() - max(times) > _CLOCK_TICK_NS:
        write_json(memory, {"stamp": stamp, "sha256": digest})
    return digest


def hash_files(paths: Mapping[str, Path]) -> str:
    """One hash of several named files' contents."""
    return hash_value({name: hash_file(path) for name, path in paths.items()})


def hash_tree(folder: Path, suffixes: tuple[str, ...] = (".py", ".yaml")) -> str:
    """Hash of all source files below `folder` (or of the one file that `folder` is): names and bytes."""
    files = [folder] if folder.is_file() else sorted(p for p in folder.rglob("*") if p.suffix in suffixes)
    return hash_value(
        {p.name if p == folder else p.relative_to(folder).as_posix(): _digest(p) for p in files}
    )


# Digests of source files of this process, by path, size and times of change: they are asked for before every trial.
_digests: dict[tuple[str, int, int, int], str] = {}


def _digest(path: Path) -> str:
    status = path.stat()
    stamp = (str(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    if stamp not in _digests:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if time.time_ns() - max(stamp[2:]) <= _CLOCK_TICK_NS:
            return digest  # written just now, and may be again without looking different
        _digests[stamp] = digest
    return _digests[stamp]


def read_json_or_none(path: Path) -> Any:
    """The JSON value in `path`, or None where the file is missing or not whole."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
