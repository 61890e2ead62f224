"""Files of a Zenodo record: names, sizes and checksums from the record itself, read through pooch."""

from __future__ import annotations

import re
from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

from stbench.errors import DatasetError

from .remote_file import RemoteFile
from .web import HEADERS, TIMEOUT, address_of, unreachable


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
    page = f"{address_of('zenodo')}/records/{number[1]}"
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
            url=record.download_url(name).replace("https://zenodo.org", address_of("zenodo"), 1),
            size=sizes[name],
            page=page,
            unpack=name in unpack,
            **_checksum(found.registry[name]),
        )
        for name in sorted(wanted)
    ]


def _record(doi: str, page: str) -> Any:
    """pooch's view of the record, read now."""
    import requests
    from pooch.downloaders import ZenodoRepository

    record = ZenodoRepository(doi, page, timeout=TIMEOUT, headers=HEADERS)
    record.base_api_url = f"{address_of('zenodo')}/api/records"
    try:
        answer = record.api_response
    except requests.JSONDecodeError as error:
        raise DatasetError(
            f"Zenodo's answer for {doi} is no record; try again later, or see {page}."
        ) from error
    except requests.RequestException as error:
        raise unreachable(f"Zenodo record {doi}", page, error) from error
    if not isinstance(answer, dict) or not answer.get("files"):
        said = answer.get("message", "") if isinstance(answer, dict) else ""
        raise DatasetError(f"Zenodo lists no files for {doi} ({said or 'no reason given'}); see {page}.")
    return record


def _name(entry: dict[str, Any]) -> str:
    """A file's name in either form of Zenodo's answers."""
    return entry.get("key") or entry["filename"]


def _checksum(stated: str) -> dict[str, str]:
    """md5 or sha256 of "md5:...", nothing for another algorithm."""
    algorithm, _, value = stated.rpartition(":")
    return {algorithm: value} if algorithm in ("md5", "sha256") else {}
