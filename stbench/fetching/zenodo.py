"""Files of a Zenodo record: names, sizes and checksums from the record itself, read through pooch."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

from stbench.errors import DatasetError

from .addresses import PROVIDERS, address_of, below, shown
from .remote_file import RemoteFile
from .web import HEADERS, TIMEOUT, open_session, read_body


def zenodo_files(
    doi: str, names: Collection[str] | None = None, unpack: Collection[str] = ()
) -> list[RemoteFile]:
    """The files of a record by its DOI (10.5281/zenodo.N), all of them or those named, sorted by name.

    unpack  names of the archives among them that are to be unpacked
    Raises DatasetError where the record cannot be read or lacks a name.
    """
    number = re.fullmatch(r"10\.5281/zenodo\.(\d+)", doi)
    if number is None:
        raise DatasetError(f"{doi!r} is no DOI of a Zenodo record; it should read 10.5281/zenodo.<number>.")
    page = shown(below(address_of("zenodo"), f"records/{number[1]}"))
    record = _record(doi, page)
    found = SimpleNamespace(registry={})
    record.populate_registry(found)
    sizes = {_name(entry): entry.get("size", entry.get("filesize")) for entry in record.api_response["files"]}
    wanted = set(found.registry if names is None else names)
    if lacking := sorted(wanted - set(found.registry)):
        raise DatasetError(
            f"The Zenodo record {doi} has no file named {', '.join(lacking)}; it has "
            f"{', '.join(sorted(found.registry))}. See {page}."
        )
    return [
        RemoteFile(
            name=name,
            url=_at_mirror(record.download_url(name)),
            size=sizes[name],
            page=page,
            unpack=name in unpack,
            **_checksum(found.registry[name]),
        )
        for name in sorted(wanted)
    ]


def _record(doi: str, page: str) -> Any:
    """pooch's view of the record, read now."""
    from pooch.downloaders import ZenodoRepository

    answer = _answer(doi, page)
    if not isinstance(answer, dict) or not answer.get("files"):
        said = answer.get("message", "") if isinstance(answer, dict) else ""
        raise DatasetError(f"Zenodo lists no files for {doi} ({said or 'no reason given'}); see {page}.")

    class Record(ZenodoRepository):
        """The record, whose answer is here already."""

        @property
        def api_response(self) -> Any:
            """What was read."""
            return answer

    return Record(doi, page, timeout=TIMEOUT, headers=HEADERS)


def _answer(doi: str, page: str) -> Any:
    """What Zenodo says of the record, whatever its status: a refusal has its reason in it."""
    url = below(address_of("zenodo"), f"api/records/{doi.rpartition('.')[2]}")
    with open_session() as session:
        body = read_body(session, url, f"Zenodo record {doi}").body
    try:
        return json.loads(body)
    except ValueError as error:
        raise DatasetError(
            f"Zenodo's answer for {doi} is no record; try again later, or see {page}."
        ) from error


def _at_mirror(url: str) -> str:
    """The address of a file, at the mirror where there is one."""
    home = PROVIDERS["zenodo"][1]
    return below(address_of("zenodo"), url.removeprefix(home)) if url.startswith(f"{home}/") else url


def _name(entry: dict[str, Any]) -> str:
    """A file's name in either form of Zenodo's answers."""
    return entry.get("key") or entry["filename"]


def _checksum(stated: str) -> dict[str, str]:
    """md5 or sha256 of "md5:...", nothing for another algorithm."""
    algorithm, _, value = stated.rpartition(":")
    return {algorithm: value} if algorithm in ("md5", "sha256") else {}
