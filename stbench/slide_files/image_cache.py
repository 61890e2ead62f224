"""Images that cannot be used where they lie, packed in another file: unpacked once into the cache."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from stbench.files import cache_root, hash_file, locked, replacing

from .text import open_unpacked, whole_file


def cached_image(source: Path, suffix: str, write: Callable[[Path], None]) -> Path:
    """The image that `write` makes of `source` at the path it is given, kept under the source's own hash.

    A changed source makes another image; nothing is written beside the source.
    """
    path = cache_root() / "images" / f"{hash_file(source)[:16]}{suffix}"
    if not path.is_file():
        with locked(path):
            if not path.is_file():
                with replacing(path) as temporary:
                    write(temporary)
    return path


def gunzipped_image(source: Path) -> Path:
    """The image in a file such as slide.jpg.gz, unpacked once; DatasetError where it is cut off."""

    def unpack(target: Path) -> None:
        with whole_file(source), open_unpacked(source) as packed, target.open("wb") as file:
            shutil.copyfileobj(packed, file, 1 << 20)

    return cached_image(source, Path(source.stem).suffix, unpack)
