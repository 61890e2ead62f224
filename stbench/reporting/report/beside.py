"""Bundles that lie beside the page, so that who opens it can take all predictions along."""

from __future__ import annotations

import contextlib
import os
import shlex
import zipfile
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from stbench.names import shown_name
from stbench.reporting.results.bundles import MANIFEST


class Beside(NamedTuple):
    """A bundle in the page's own folder: its name, its address from there, its size in bytes."""

    name: str
    address: str
    size: int

    @property
    def check(self) -> str:
        """The command that checks it, as a shell takes it."""
        return shlex.join(["stbench", "verify", self.name])


def bundles_beside(folder: Path) -> list[Beside]:
    """The bundles in the folder; any other archive is none. Nothing of them is opened but the list of files."""
    found = []
    # Opening a pipe would wait for ever.
    for path in (path for path in sorted(folder.glob("*.zip")) if path.is_file()):
        # Besides BadZipFile a list of files that is no text gives a ValueError, one of a later format its own error.
        broken = (OSError, zipfile.BadZipFile, ValueError, NotImplementedError)
        with contextlib.suppress(*broken), zipfile.ZipFile(path) as archive:
            if MANIFEST in archive.namelist():
                address = quote(os.fsencode(path.name))  # a name that is no text has an address all the same
                found.append(Beside(shown_name(path.name), address, path.stat().st_size))
    return found
