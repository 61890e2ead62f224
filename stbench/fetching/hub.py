"""Files of a dataset repository on the Hugging Face hub at one commit, from the hub's public listing.

The listing is read by requests of our own and not by huggingface_hub, whose errors depend on its version; the token
comes from the environment (HF_TOKEN) or from the hub's own login, through huggingface_hub.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from stbench.errors import DatasetError

from .checksums import Checksums
from .remote_file import RemoteFile
from .web import address_of, open_session, read_page

if TYPE_CHECKING:
    import requests


def hub_files(
    repository: str, patterns: Sequence[str], folder: Path, revision: str = "main"
) -> list[RemoteFile]:
    """The files of `owner/name` that match a pattern, pinned to one commit.

    patterns  as a shell's, on the whole path; each must match
    folder    where the files go: a copy that was begun there keeps to the commit that it was begun with
    revision  commit, tag or branch that a new copy is begun with
    Raises DatasetError where the repository is gated, cannot be read, or a pattern matches nothing.
    """
    with open_session() as session:
        commit = begun_with(folder, repository) or _commit(session, repository, revision)
        listed = [
            entry
            for place in sorted({_fixed_folder(pattern) for pattern in patterns})
            for entry in _entries(session, repository, commit, place)
        ]
    matching = [entry for entry in listed if any(fnmatchcase(entry["path"], pattern) for pattern in patterns)]
    for pattern in patterns:
        if not any(fnmatchcase(entry["path"], pattern) for entry in matching):
            raise DatasetError(
                f"{repository} has no file {pattern} at commit {commit[:10]}; see {_page(repository)}."
            )
    return [_file(repository, commit, entry) for entry in matching]


def begun_with(folder: Path, repository: str) -> str | None:
    """The commit that the files of the repository in `folder` are of, None where there are none."""
    begins = re.escape(f"/datasets/{repository}/resolve/")
    for entry in Checksums(folder).entries.values():
        if found := re.search(begins + "([0-9a-f]{40})/", entry.url):
            return found[1]
    return None


def _page(repository: str) -> str:
    return f"{address_of('hub')}/datasets/{repository}"


def _commit(session: requests.Session, repository: str, revision: str) -> str:
    """The commit that a revision is now."""
    url = f"{address_of('hub')}/api/datasets/{repository}/revision/{quote(revision, safe='')}"
    return read_page(session, url, f"{repository} at {revision}", _page(repository)).json()["sha"]


def _entries(session: requests.Session, repository: str, commit: str, place: str) -> list[dict[str, Any]]:
    """The files below a folder of the repository, page by page."""
    tree = f"{address_of('hub')}/api/datasets/{repository}/tree/{commit}"
    url: str | None = f"{tree}/{quote(place)}" if place else f"{tree}?recursive=true"
    entries: list[dict[str, Any]] = []
    while url:
        answer = read_page(session, url, f"{repository}'s list of files", _page(repository))
        entries += [entry for entry in answer.json() if entry["type"] == "file"]
        url = answer.links.get("next", {}).get("url")
    return entries


def _fixed_folder(pattern: str) -> str:
    """The folder of a pattern, "" (the whole repository) where the folder is itself a pattern."""
    folder = pattern.rpartition("/")[0]
    return "" if re.search(r"[*?\[]", folder) else folder


def _file(repository: str, commit: str, entry: dict[str, Any]) -> RemoteFile:
    path = entry["path"]
    large = entry.get("lfs") or {}
    return RemoteFile(
        name=path,
        url=f"{address_of('hub')}/datasets/{repository}/resolve/{commit}/{quote(path)}",
        size=large.get("size", entry["size"]),
        sha256=large.get("oid"),
        page=_page(repository),
    )
