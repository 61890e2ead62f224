"""Which files a piece of code opens, and what else it reaches for outside its process, told by audit hooks."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

from stbench.files import cache_root

# Events that reach outside the process, and how to say what happened; files have their own rules.
_REACHING_OUT = {
    "sqlite3.connect": "sqlite database {}",
    "subprocess.Popen": "another process: {}",
    "os.system": "another process: {}",
    "os.exec": "another process: {}",
    "os.posix_spawn": "another process: {}",
    "socket.connect": "network address {}",
}
_FOR_WRITING = " (for writing)"
_SOURCE = {".py", ".pyc", ".so", ".pyd", ".dylib"}
_CACHED_PRODUCTS = ("embeddings", "patches", "weights")
# What Python's libraries start to learn about the machine.
_HARMLESS_PROGRAMS = {"lscpu", "ldconfig", "uname", "nvidia-smi"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC


class FileWatch:
    """A context in which every file opened is noted. An audit hook cannot be removed, so it is only silenced."""

    def __init__(self) -> None:
        self._watching = False
        self._seen: set[str] = set()
        sys.addaudithook(self._hear)

    def __enter__(self) -> FileWatch:
        self._watching = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watching = False

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._watching:
            return
        if event == "open":
            path, mode, flags = (*arguments, None, None)[:3]
            if not isinstance(path, int):  # a number is a file that is open already
                writes = _writes(mode, flags)
                self._seen.add(f"{_absolute(path)}{_FOR_WRITING if writes else ''}")
        elif event in _REACHING_OUT:
            target = arguments[1] if event == "socket.connect" else arguments[0]
            if Path(_text(target)).name not in _HARMLESS_PROGRAMS:
                self._seen.add(_REACHING_OUT[event].format(_text(target)))

    def reported(self) -> list[str]:
        """What was opened and is neither Python's own, nor source code, nor a cached product of an image.

        Whatever was opened for writing is reported wherever it lies: it could remember across processes.
        """
        return sorted(target for target in self._seen if not _is_expected(target))


def _text(target: Any) -> str:
    return os.fsdecode(target) if isinstance(target, bytes | os.PathLike) else str(target)


def _absolute(path: Any) -> str:
    """The file that is meant now, links followed: the folder that a relative path starts from may change."""
    return os.path.realpath(_text(path))


def _writes(mode: Any, flags: Any) -> bool:
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return isinstance(flags, int) and bool(flags & _WRITING)


def _is_expected(target: str) -> bool:
    path = Path(target.removesuffix(_FOR_WRITING))
    if path.is_relative_to(os.path.realpath(tempfile.gettempdir())):  # its own, and gone with it
        return True
    if not path.is_absolute() or target.endswith(_FOR_WRITING):
        return str(path) == os.devnull
    if path.suffix in _SOURCE or "__pycache__" in path.parts:
        return True
    if path.is_relative_to("/dev/shm"):
        return False
    return any(path.is_relative_to(root) for root in _expected_folders())


def _expected_folders() -> set[Path]:
    """Python and its packages, the system's descriptions of the machine, cached products of images."""
    installed = (sys.prefix, sys.base_prefix, *site.getsitepackages(), *sysconfig.get_paths().values())
    products = (cache_root() / name for name in _CACHED_PRODUCTS)
    system = ("/proc", "/sys", "/dev", "/etc")
    return {Path(os.path.realpath(folder)) for folder in (*installed, *products, *system)}
