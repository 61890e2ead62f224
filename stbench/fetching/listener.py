"""What a person is told while files are fetched; the command line overrides it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .plan import Plan
    from .remote_file import RemoteFile


class FetchListener:
    """Hears how a fetch goes; every method does nothing here."""

    def planned(self, plan: Plan) -> None:
        """Before the first byte: what is there and what is to come."""

    def progressed(self, file: RemoteFile, done: int, size: int | None) -> None:
        """`done` of a file's `size` bytes are here."""

    def finished(self, file: RemoteFile) -> None:
        """A file arrived whole and verified."""

    def note(self, sentence: str) -> None:
        """Something worth knowing: a transfer that broke off, an archive unpacked."""
