"""What an interrupted transfer leaves beside a file's place, and whether it can be gone on from."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from stbench.files import read_json_or_none

from .remote_file import RemoteFile


class Partial(NamedTuple):
    """The partial file of a transfer, and a note beside it that tells which version of the file it is of."""

    data: Path
    note: Path

    @classmethod
    def of(cls, file: RemoteFile, folder: Path) -> Partial:
        """Where the partial file of `file` lies."""
        path = file.path(folder)
        return cls(path.with_name(f"{path.name}.part"), path.with_name(f"{path.name}.part.json"))

    def size(self) -> int:
        """Bytes that are here."""
        return self.data.stat().st_size if self.data.is_file() else 0

    def empty(self) -> None:
        """Begin anew; before the note names another version, so that two are never joined."""
        self.data.write_bytes(b"")

    def remove(self) -> None:
        """Forget what has arrived."""
        self.data.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def version(self, file: RemoteFile) -> str | None:
        """What the server called the version that the partial file is of, "" for no name; None for no such note."""
        note = read_json_or_none(self.note)
        return note.get("version", "") if isinstance(note, dict) and note.get("url") == file.address else None


def bytes_so_far(file: RemoteFile, folder: Path) -> int:
    """Bytes of the file that an earlier transfer left and that this one can go on from."""
    partial = Partial.of(file, folder)
    version = partial.version(file)
    # Without a checksum to judge the whole by, parts of two versions of a file would pass for one.
    return partial.size() if version is not None and (version or file.stated) else 0
