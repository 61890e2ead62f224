"""fetch_files: bring what is missing to a folder, verify it, remember what arrived, unpack archives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stbench.errors import DatasetError
from stbench.files import hash_file, locked, make_folder

from .archives import unpack
from .checksums import FILE_NAME, Checksums
from .hugging_face import HubFile, download, forget_arrivals
from .listener import FetchListener
from .partial import Partial, bytes_so_far
from .plan import plan_fetch
from .remote_file import RemoteFile, digest
from .transfer import transfer
from .web import open_session

if TYPE_CHECKING:
    import requests


def fetch_files(files: Sequence[RemoteFile], folder: Path, listener: FetchListener | None = None) -> None:
    """Have every file below `folder`, whole and verified; what is there already is left alone.

    A broken transfer leaves a partial file (`.part`), from which the next call goes on. Raises DatasetError, which
    names file and address, where a file is not to be had, arrives wrong, or the disk is too small; StorageError
    where the folder cannot be written.
    """
    listener = listener or FetchListener()
    make_folder(folder)
    with locked(folder / FILE_NAME):
        plan = plan_fetch(files, folder)
        listener.planned(plan)
        plan.check_space()
        checksums = Checksums(folder)
        with open_session(retries=0) as session:
            for file in plan.missing:
                _fetch(session, file, checksums, listener)
        forget_arrivals(folder)
        for file in (*plan.there, *plan.missing):
            if file.unpack and not checksums.is_unpacked(file):
                _unpack(file, checksums, listener)


def _fetch(
    session: requests.Session, file: RemoteFile, checksums: Checksums, listener: FetchListener
) -> None:
    """Transfer one file, verify it and put it in its place."""
    leftover = Partial.of(file, checksums.folder)
    resumed = bytes_so_far(file, checksums.folder) > 0
    arrived = _arrived(session, file, checksums.folder, listener)
    sha256 = digest(arrived, "sha256")
    problem = _problem(arrived, sha256, file, checksums)
    if problem and resumed:  # what was there before may have been at fault
        leftover.remove()
        arrived = transfer(session, file, checksums.folder, listener)
        sha256 = digest(arrived, "sha256")
        problem = _problem(arrived, sha256, file, checksums)
    if problem:
        leftover.remove()
        arrived.unlink(missing_ok=True)
        raise DatasetError(problem)
    target = file.path(checksums.folder)
    make_folder(target.parent)
    arrived.replace(target)
    leftover.remove()
    checksums.record(file, sha256)
    listener.finished(file)


def _arrived(session: requests.Session, file: RemoteFile, folder: Path, listener: FetchListener) -> Path:
    """The file's bytes, brought to a place beside or below where they belong."""
    if isinstance(file, HubFile):
        return download(file, folder, listener)
    return transfer(session, file, folder, listener)


def _problem(arrived: Path, sha256: str, file: RemoteFile, checksums: Checksums) -> str:
    """What is wrong with the bytes that arrived, in a sentence; "" for nothing."""
    came = f"{file.name} arrived from {file.address} with"
    where = f" ({file.page})" if file.page else ""
    again = f"fetch again, and if it happens twice, tell the provider{where}."
    if file.size is not None and (size := arrived.stat().st_size) != file.size:
        return f"{came} {size} bytes instead of {file.size}; {again}"
    if file.sha256 and sha256 != file.sha256.lower():
        return f"{came} SHA-256 {sha256} instead of {file.sha256.lower()}; {again}"
    if file.md5 and (md5 := digest(arrived, "md5")) != file.md5.lower():
        return f"{came} MD5 {md5} instead of {file.md5.lower()}; {again}"
    expected = checksums.expected(file)
    if expected and sha256 != expected:
        return (
            f"{file.name} is no longer the file that arrived from {file.address} before: its SHA-256 is {sha256}, that "
            f"of {checksums.path} is {expected}. If the provider replaced it on purpose, delete its entry there and "
            "fetch again."
        )
    return ""


def _unpack(file: RemoteFile, checksums: Checksums, listener: FetchListener) -> None:
    archive = file.path(checksums.folder)
    if checksums.entry(file) is None:  # placed by hand
        checksums.record(file, hash_file(archive))
    paths = unpack(archive, archive.parent)
    checksums.record_unpacked(file, [path.relative_to(checksums.folder).as_posix() for path in paths])
    listener.note(f"{file.name}: {len(paths)} files unpacked into {archive.parent}.")
