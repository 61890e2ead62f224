"""Data files inside a plugin's own folder, which every trial of it may read: links and copies are found by name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from stbench.contract import SlideSource
from stbench.files import hash_file


def shipped_data(folder: Path, sources: Iterable[SlideSource]) -> list[str]:
    """A sentence for each file below `folder` that is a link to a file of these slides, or holds the same bytes."""
    files = [path for source in sources for path in source.files.values() if path.is_file()]
    by_inode = {(status.st_dev, status.st_ino): path for path in files for status in [path.stat()]}
    by_size: dict[int, list[Path]] = {}
    for path in files:
        by_size.setdefault(path.stat().st_size, []).append(path)
    found = []
    for own in _files_below(folder):
        status = own.stat()
        if other := by_inode.get((status.st_dev, status.st_ino)):
            found.append(
                f"its file {own.relative_to(folder)} is the dataset's own file {other.name}, by a link"
            )
        elif status.st_size and any(hash_file(own) == hash_file(p) for p in by_size.get(status.st_size, [])):
            found.append(f"its file {own.relative_to(folder)} is a copy of a file of the dataset")
    return found


def _files_below(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        yield from (path for name in names if (path := Path(place, name)).is_file())
