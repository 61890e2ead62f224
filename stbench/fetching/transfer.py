"""Transfer one file: into a partial file beside its place, resumed where it broke off, retried a few times."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rich.filesize import decimal

from stbench.errors import DatasetError
from stbench.files import make_folder, write_json

from .addresses import cause
from .listener import FetchListener
from .partial import Partial, bytes_so_far
from .remote_file import RemoteFile
from .web import TRY_AGAIN, reason, refused, send, unreachable

if TYPE_CHECKING:
    import requests

# Attempts in a row that bring not one byte before a transfer is given up.
ATTEMPTS = 4
# Before the next attempt; doubled after each one that brought nothing.
PAUSE_SECONDS = 2.0
_LONGEST_PAUSE_SECONDS = 60.0
_BLOCK = 1 << 20
_PARTIAL_CONTENT, _BAD_RANGE = 206, 416


class BrokenOff(Exception):
    """A transfer that another attempt may finish.

    `status` is the answer's where there was one, `wait` the seconds that the provider asks for.
    """

    def __init__(self, why: str, status: int | None = None, wait: float = 0.0) -> None:
        super().__init__(why)
        self.status, self.wait = status, wait


def transfer(session: requests.Session, file: RemoteFile, folder: Path, listener: FetchListener) -> Path:
    """Bring the file's bytes into its partial file, whose path is returned; the whole is not verified here.

    Raises DatasetError where the provider refuses, cannot be reached, or the disk is full.
    """
    partial = Partial.of(file, folder)
    make_folder(partial.data.parent)
    failures = 0
    while True:
        before = bytes_so_far(file, folder)
        try:
            _receive(session, file, folder, listener)
            return partial.data
        except BrokenOff as error:
            here = bytes_so_far(file, folder)
            failures = 1 if here > before else failures + 1
            if failures >= ATTEMPTS:
                raise _given_up(file, error, here) from cause(file.url, error)
            listener.note(f"{file.name}: {error} after {decimal(here)}; trying again.")
            time.sleep(min(max(PAUSE_SECONDS * 2 ** (failures - 1), error.wait), _LONGEST_PAUSE_SECONDS))


def _given_up(file: RemoteFile, error: BrokenOff, here: int) -> DatasetError:
    if error.status is not None:
        return refused(file.name, file.url, error.status, file.page)
    if isinstance(error.__cause__, Exception) and not here:
        return unreachable(file.name, file.url, error.__cause__)
    return DatasetError(
        f"{file.name}: the transfer from {file.address} broke off {ATTEMPTS} times in a row ({error}) after "
        f"{decimal(here)}; run the same command again{': it goes on from there' if here else ''}."
    )


def _receive(session: requests.Session, file: RemoteFile, folder: Path, listener: FetchListener) -> None:
    """One attempt; BrokenOff where another may help."""
    import requests

    partial = Partial.of(file, folder)
    start = bytes_so_far(file, folder)
    if start and start == file.size:
        return
    try:
        answer = send(session, "GET", file.url, stream=True, headers=_range(file, partial, start))
    except requests.RequestException as error:
        raise BrokenOff(reason(error)) from error
    with answer:
        _check(answer, file, partial, start)
        if answer.status_code != _PARTIAL_CONTENT:
            start = 0
            partial.empty()
            write_json(partial.note, {"url": file.address, "version": _version(answer)})
        _store(answer, file, partial, start, listener)


def _range(file: RemoteFile, partial: Partial, start: int) -> dict[str, str]:
    """Headers that ask for the rest; without a stated checksum, only if the version is still the same."""
    if not start:
        return {}
    version = partial.version(file)
    return {"Range": f"bytes={start}-"} | ({} if file.stated or not version else {"If-Range": version})


def _version(answer: requests.Response) -> str:
    """The server's name for this version: a strong ETag, else the time of the last change, else ""."""
    etag = answer.headers.get("ETag", "")
    return etag if etag.startswith('"') else answer.headers.get("Last-Modified", "")


def _check(answer: requests.Response, file: RemoteFile, partial: Partial, start: int) -> None:
    """BrokenOff or DatasetError for an answer that is neither the file nor the part that was asked for."""
    status = answer.status_code
    another = status == _PARTIAL_CONTENT and f" {start}-" not in answer.headers.get("Content-Range", "")
    if status == _BAD_RANGE or another:
        partial.remove()
        raise BrokenOff("the server does not know the part that is missing")
    if status in TRY_AGAIN:
        wait = answer.headers.get("Retry-After", "")
        raise BrokenOff(f"HTTP {status}", status, float(wait) if wait.isdigit() else 0.0)
    if not answer.ok:
        raise refused(file.name, file.url, status, file.page)


def _store(
    answer: requests.Response, file: RemoteFile, partial: Partial, start: int, listener: FetchListener
) -> None:
    """Append the answer's bytes, as the server stores them, to what is here."""
    length = answer.headers.get("Content-Length", "")
    expected = start + int(length) if length.isdigit() else None
    here = start
    listener.progressed(file, here, file.size or expected)
    try:
        with partial.data.open("ab") as out:
            for block in _blocks(answer):
                out.write(block)
                here += len(block)
                listener.progressed(file, here, file.size or expected)
                if file.size is not None and here > file.size:
                    return  # it is not the file, as its size will show, and may have no end
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise _cannot_write(file, partial, error) from error
    if expected is not None and here < expected:
        raise BrokenOff("the connection closed")


def _blocks(answer: requests.Response) -> Iterator[bytes]:
    """The body undecoded: a .gz file must stay as it is even where the server calls it an encoding."""
    from urllib3.exceptions import HTTPError

    try:
        yield from answer.raw.stream(_BLOCK, decode_content=False)
    except HTTPError as error:
        raise BrokenOff(
            "the connection broke" if "Timeout" not in type(error).__name__ else reason(error)
        ) from error


def _cannot_write(file: RemoteFile, partial: Partial, error: OSError) -> DatasetError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DatasetError(
            f"{file.name}: the disk of {partial.data.parent} is full; make room (or set --data-root or $STBENCH_DATA "
            f"to a larger disk) and run the same command again: the transfer from {file.address} goes on where it "
            "stopped."
        )
    return DatasetError(
        f"{file.name}: {partial.data} cannot be written ({error.strerror or error}); choose a folder that can."
    )
