"""Bundles that lie beside the page, so that who opens it can take all predictions along."""

from __future__ import annotations

import contextlib
import zipfile
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from stbench.reporting.results.bundles import MANIFEST


class Beside(NamedTuple):
    """A bundle in the page's own folder: its name, its address from there, its size in bytes."""

    name: str
    address: str
    size: int


def bundles_beside(folder: Path) -> list[Beside]:
    """The bundles in the folder; any other archive is none. Nothing of them is opened but the list of files."""
    found = []
    for path in sorted(folder.glob("*.zip")):
        with contextlib.suppress(OSError, zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
            if MANIFEST in archive.namelist():
                found.append(Beside(path.name, quote(path.name), path.stat().st_size))
    return found
