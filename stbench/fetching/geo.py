"""Supplementary files of a GEO series or sample, from GEO's listing page of its folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from html.parser import HTMLParser
from urllib.parse import quote, unquote

from stbench.errors import DatasetError

from .addresses import address_of, below, shown
from .remote_file import RemoteFile
from .web import open_session, read_page

_FOLDERS = {"GSE": "series", "GSM": "samples"}


def geo_files(accessions: Sequence[str], patterns: Sequence[str] = ("*",)) -> list[RemoteFile]:
    """The supplementary files of series (GSE...) and samples (GSM...) that match a pattern.

    accessions  in the order in which files are listed
    patterns    as a shell's, on the whole name; each must match a file of each accession
    GEO states neither exact sizes nor checksums. Raises DatasetError where a folder cannot be read or a pattern
    matches nothing.
    """
    files = []
    with open_session() as session:
        for accession in accessions:
            folder = _folder(accession)
            names = _names(read_page(session, folder, f"GEO's list of {accession}", _page(accession)))
            matching = [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]
            for pattern in patterns:
                if not any(fnmatchcase(name, pattern) for name in matching):
                    raise DatasetError(
                        f"GEO's {accession} has no supplementary file {pattern}; {shown(folder)} lists "
                        f"{', '.join(names) or 'none'}. See {_page(accession)}."
                    )
            files += [
                RemoteFile(name=name, url=below(folder, quote(name)), page=_page(accession))
                for name in matching
            ]
    return files


def _folder(accession: str) -> str:
    """Address of an accession's supplementary files: GSE144240 lies in series/GSE144nnn."""
    parts = re.fullmatch(r"(GSE|GSM)(\d+)", accession)
    if parts is None:
        raise DatasetError(
            f"{accession!r} is no GEO series or sample; it should read GSE<number> or GSM<number>."
        )
    kind, number = parts[1], parts[2]
    return below(address_of("geo"), f"{_FOLDERS[kind]}/{kind}{number[:-3]}nnn/{accession}/suppl/")


def _page(accession: str) -> str:
    return f"https://www.ncbi.nlm.nih.gov/geo/query/acc.cgi?acc={accession}"


def _names(listing: str) -> list[str]:
    """File names that a listing page links to, in its order; links to folders and to other orders are left out."""
    parser = _Links()
    parser.feed(listing)
    names = [unquote(link) for link in parser.links if not re.search(r"[/?#]", link)]
    return list(dict.fromkeys(names))


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the targets of <a href>."""
        self.links += [value for name, value in attrs if tag == "a" and name == "href" and value]
