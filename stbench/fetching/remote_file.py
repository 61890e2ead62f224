"""One file of a provider, and where it belongs in a dataset's folder."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from stbench.errors import DatasetError

from .addresses import shown

Algorithm = Literal["sha256", "md5"]


@dataclass(frozen=True)
class RemoteFile:
    """A file to download; DatasetError where its name would leave the dataset's folder.

    name          path relative to the dataset's folder, with forward slashes
    url           where the provider serves it; a mirror's may hold a password or a token, so people see `address`
    size          bytes, None where the provider does not state them
    sha256, md5   hex digests that the provider states, else None
    page          where a person can look the file up or ask for access, "" where only the url is known
    unpack        whether it is a .tar, .tar.gz or .zip archive to unpack into the folder in which it lies
    """

    name: str
    url: str
    size: int | None = None
    sha256: str | None = None
    md5: str | None = None
    page: str = ""
    unpack: bool = False

    def __post_init__(self) -> None:
        parts = self.name.split("/")
        inside = not PurePosixPath(self.name).is_absolute() and not re.search(r"[\\:\0]", self.name)
        if not inside or any(part in ("", ".", "..") for part in parts):
            raise DatasetError(
                f"The provider lists a file named {self.name!r}, which would not lie inside the dataset's folder."
            )

    @property
    def address(self) -> str:
        """The url as it may be shown and kept, without password and token."""
        return shown(self.url)

    @property
    def stated(self) -> str:
        """The checksum that the provider states, as "sha256:..." or "md5:...", else ""."""
        if self.sha256:
            return f"sha256:{self.sha256}"
        return f"md5:{self.md5}" if self.md5 else ""

    def path(self, folder: Path) -> Path:
        """Where the file belongs below the dataset's folder."""
        return folder.joinpath(*self.name.split("/"))


def digest(path: Path, algorithm: Algorithm) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()
