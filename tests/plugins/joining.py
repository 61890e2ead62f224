"""Methods of a folder join those of the checkout, in this process and in those that it starts."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def plugged(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    """A function that lets the methods of a folder join, as long as the context lasts."""
    import stbench.methods
    from stbench import registry

    folders: list[Path] = []
    cached = registry.plugins
    searched = list(stbench.methods.__path__)

    def add(folder: Path) -> None:
        folders.append(folder)
        monkeypatch.setenv("STBENCH_METHODS", os.pathsep.join(map(str, folders)))
        stbench.methods.__path__[:] = [*searched, *map(str, folders)]
        registry.plugins = functools.cache(cached.__wrapped__)

    yield add
    registry.plugins = cached
    stbench.methods.__path__[:] = searched
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and any(Path(file).is_relative_to(folder) for folder in folders):
            del sys.modules[name]
