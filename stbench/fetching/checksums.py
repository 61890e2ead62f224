"""checksums.json beside a dataset's files: what arrived, so that it can be recognised next time.

Many providers state no checksum. For every file that arrives, its SHA-256 is recorded here together with its
address and with what the provider stated; a file that differs later is damaged, or was replaced by the provider.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, TypeAdapter, ValidationError

from stbench.errors import DatasetError
from stbench.files import hash_file, write_json

from .addresses import shown
from .remote_file import RemoteFile, digest

FILE_NAME = "checksums.json"


class Entry(BaseModel):
    """What is known of a file that arrived.

    url       where it came from, without password and token
    stated    the checksum that the provider stated then, "" for none
    unpacked  files that came out of it, relative to the dataset's folder; empty where it is no archive
    """

    sha256: str
    size: int
    url: Annotated[str, AfterValidator(shown)]
    stated: str = ""
    unpacked: tuple[str, ...] = ()


_ENTRIES = TypeAdapter(dict[str, Entry])


class Checksums:
    """The entries of a dataset's folder by file name; each change is written at once.

    Raises DatasetError where checksums.json is there and cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / FILE_NAME
        try:
            self.entries = _ENTRIES.validate_json(self.path.read_bytes())
        except FileNotFoundError:
            self.entries = {}
        except (OSError, ValidationError) as error:
            raise DatasetError(
                f"{self.path} cannot be read as a record of what arrived ({type(error).__name__}); mend it, or "
                "delete it to accept the files as they are."
            ) from error

    def entry(self, file: RemoteFile) -> Entry | None:
        """What is recorded of the file, unless the provider states another checksum by now."""
        entry = self.entries.get(file.name)
        return entry if entry and entry.stated == file.stated else None

    def record(self, file: RemoteFile, sha256: str) -> None:
        """Remember what arrived."""
        size = file.path(self.folder).stat().st_size
        self._write(file, Entry(sha256=sha256, size=size, url=file.url, stated=file.stated))

    def record_unpacked(self, file: RemoteFile, names: Sequence[str]) -> None:
        """Remember what came out of an archive that is recorded already."""
        self._write(file, self.entries[file.name].model_copy(update={"unpacked": tuple(names)}))

    def expected(self, file: RemoteFile) -> str | None:
        """SHA-256 that the file must have: the provider's, else what arrived before; None where nobody knows."""
        entry = self.entry(file)
        return file.sha256.lower() if file.sha256 else entry and entry.sha256

    def is_whole(self, file: RemoteFile) -> bool:
        """Whether the file is there with the size and the checksum that it must have, as far as they are known."""
        path = file.path(self.folder)
        if not path.is_file() or (file.size is not None and path.stat().st_size != file.size):
            return False
        if expected := self.expected(file):
            return hash_file(path) == expected
        return file.md5 is None or digest(path, "md5") == file.md5.lower()

    def is_unpacked(self, file: RemoteFile) -> bool:
        """Whether everything that came out of the archive is still there."""
        entry = self.entry(file)
        unpacked = entry.unpacked if entry else ()
        return bool(unpacked) and all((self.folder / name).is_file() for name in unpacked)

    def _write(self, file: RemoteFile, entry: Entry) -> None:
        self.entries[file.name] = entry
        write_json(self.path, _ENTRIES.dump_python(self.entries, mode="json"))
