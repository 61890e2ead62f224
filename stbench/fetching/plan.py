"""What a fetch would do: which files are there, which are missing, and whether the disk holds them."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.filesize import decimal

from stbench.errors import DatasetError

from .addresses import cause
from .checksums import Checksums
from .partial import bytes_so_far
from .remote_file import RemoteFile
from .web import open_session, refused, send, unreachable

if TYPE_CHECKING:
    import requests


@dataclass(frozen=True)
class Plan:
    """The files of a dataset, split by whether they are there whole.

    folder    where they belong
    there     whole files
    missing   files to transfer, in order; `size` is filled in where the provider's server states it
    """

    folder: Path
    there: tuple[RemoteFile, ...]
    missing: tuple[RemoteFile, ...]

    @property
    def bytes_left(self) -> int:
        """Bytes still to transfer, of the files whose size is known."""
        return sum(max(0, (file.size or 0) - bytes_so_far(file, self.folder)) for file in self.missing)

    @property
    def bytes_needed(self) -> int:
        """Bytes of disk that it takes at least: the transfer, and an archive's content once more."""
        return self.bytes_left + sum(file.size or 0 for file in self.missing if file.unpack)

    @property
    def bytes_free(self) -> int:
        """Free bytes on the disk that holds, or would hold, the folder."""
        existing = next(place for place in (self.folder, *self.folder.absolute().parents) if place.is_dir())
        return shutil.disk_usage(existing).free

    def check_space(self) -> None:
        """DatasetError where the disk cannot hold what is missing."""
        if self.bytes_needed > self.bytes_free:
            raise DatasetError(
                f"{self.folder} needs {decimal(self.bytes_needed)} more and its disk has {decimal(self.bytes_free)} "
                "free; make room, or set --data-root or $STBENCH_DATA to a larger disk."
            )


def plan_fetch(files: Sequence[RemoteFile], folder: Path) -> Plan:
    """Look at what lies in `folder` and ask for the sizes that no listing states; transfers nothing.

    Raises DatasetError where a missing file is not at its address, or the provider cannot be reached.
    """
    checksums = Checksums(folder)
    there, missing = [], []
    with open_session() as session:
        for file in files:
            if file.size is None:
                recorded = checksums.entry(file)
                size = recorded.size if recorded else _size(session, file)
                file = dataclasses.replace(file, size=size)
            (there if checksums.is_whole(file) else missing).append(file)
    return Plan(folder, tuple(there), tuple(missing))


def _size(session: requests.Session, file: RemoteFile) -> int | None:
    """Size that the provider's server states for the file, None where it does not say."""
    import requests

    try:
        answer = send(session, "HEAD", file.url)
    except requests.RequestException as error:
        raise unreachable(file.name, file.url, error) from cause(file.url, error)
    if answer.status_code in (405, 501):  # a server without HEAD
        return None
    if not answer.ok:
        raise refused(file.name, file.url, answer.status_code, file.page)
    # The length of an encoded answer is not the file's.
    length = answer.headers.get("Content-Length", "")
    return int(length) if length.isdigit() and not answer.headers.get("Content-Encoding") else None
