"""Which files a piece of code opens, told by Python's audit hooks."""

from __future__ import annotations

import site
import sys
import sysconfig
from pathlib import Path
from types import TracebackType
from typing import Any

from stbench.files import cache_root

# Events that reach outside the process; the first argument says where to.
_EVENTS = {"open", "sqlite3.connect", "subprocess.Popen", "os.system", "socket.connect"}
_SOURCE = {".py", ".pyc", ".so", ".pyd", ".dylib"}
_CACHED_PRODUCTS = ("embeddings", "patches")


class FileWatch:
    """A context in which every file opened is noted. An audit hook cannot be removed, so it is only silenced."""

    def __init__(self) -> None:
        self._watching = False
        self._seen: list[str] = []
        sys.addaudithook(self._hear)

    def __enter__(self) -> FileWatch:
        self._watching = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watching = False

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._watching and event in _EVENTS:
            target = arguments[1] if event == "socket.connect" else arguments[0]
            if not isinstance(target, int):  # a number is a file that is open already
                self._seen.append(target.decode() if isinstance(target, bytes) else str(target))

    def reported(self) -> list[str]:
        """What was opened and is neither Python's own, nor source code, nor a cached product of an image."""
        return sorted({target for target in self._seen if not _is_expected(target)})


def _is_expected(target: str) -> bool:
    path = Path(target).absolute()
    if path.suffix in _SOURCE:
        return True
    roots = {
        Path(p)
        for p in (sys.prefix, sys.base_prefix, *site.getsitepackages(), *sysconfig.get_paths().values())
    }
    roots |= {Path("/proc"), Path("/sys"), Path("/dev")} | {
        cache_root().absolute() / p for p in _CACHED_PRODUCTS
    }
    return any(path.is_relative_to(root) for root in roots)
