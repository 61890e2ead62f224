"""fetch_files against a server that breaks off, redirects, refuses, changes its files or damages them."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fetching.provider_server import Provider

from stbench.errors import DatasetError
from stbench.fetching import FetchListener, RemoteFile, fetch_files, plan_fetch

BODY = bytes(range(256)) * 12_000  # 3 MB: several blocks
SHA256 = hashlib.sha256(BODY).hexdigest()
MD5 = hashlib.md5(BODY).hexdigest()
STATED = {"size": len(BODY), "sha256": SHA256}


class Notes(FetchListener):
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.files: list[str] = []

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)

    def finished(self, file: RemoteFile) -> None:
        self.files.append(file.name)


def recorded(folder: Path) -> dict:
    return json.loads((folder / "checksums.json").read_text())


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if ".part" in path.name]


def ranges(provider: Provider, path: str) -> list[str | None]:
    return [headers.get("Range") for headers in provider.asked("GET", path)]


# --- whole transfers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("stated", [STATED, {"md5": MD5.upper()}, {}], ids=["sha256", "md5", "nothing"])
def test_a_file_arrives_whole_and_is_recorded(provider: Provider, tmp_path: Path, stated: dict):
    url = provider.serve("/a b.bin", BODY)
    file = RemoteFile("deep/a.bin", url.replace(" ", "%20"), **stated)
    provider.serve("/a%20b.bin", BODY)
    fetch_files([file], tmp_path / "data")
    assert (tmp_path / "data" / "deep" / "a.bin").read_bytes() == BODY
    assert recorded(tmp_path / "data")["deep/a.bin"]["sha256"] == SHA256
    assert leftovers(tmp_path) == []
    asked = len(provider.requests)
    listener = Notes()
    fetch_files([file], tmp_path / "data", listener)
    assert len(provider.requests) == asked  # the second time, not one request
    assert listener.files == []


def test_a_redirect_is_followed(provider: Provider, other_provider: Provider, tmp_path: Path):
    url = provider.serve("/a", status=302, headers={"Location": other_provider.serve("/real", BODY)})
    fetch_files([RemoteFile("a", url, **STATED)], tmp_path)
    assert (tmp_path / "a").read_bytes() == BODY


def test_a_gz_file_stays_as_it_is_where_the_server_calls_it_an_encoding(provider: Provider, tmp_path: Path):
    packed = gzip.compress(b"spot\tgene\n" * 1000)
    url = provider.serve("/counts.tsv.gz", packed, headers={"Content-Encoding": "x-gzip"})
    fetch_files([RemoteFile("counts.tsv.gz", url)], tmp_path)
    assert (tmp_path / "counts.tsv.gz").read_bytes() == packed


def test_files_placed_by_hand_are_left_alone(provider: Provider, tmp_path: Path):
    url = provider.serve("/a", BODY)
    (tmp_path / "a").write_bytes(BODY)
    fetch_files([RemoteFile("a", url, **STATED), RemoteFile("b", url)], tmp_path)
    assert len(provider.asked("GET", "/a")) == 1
    assert (tmp_path / "b").read_bytes() == BODY


@pytest.mark.parametrize("damaged", [BODY[:-1], b"x" + BODY[1:]], ids=["short", "altered"])
@pytest.mark.parametrize("stated", [STATED, {"md5": MD5}, {}], ids=["sha256", "md5", "nothing"])
def test_a_file_that_was_damaged_on_disk_is_fetched_again(
    provider: Provider, tmp_path: Path, damaged: bytes, stated: dict
):
    file = RemoteFile("a", provider.serve("/a", BODY), **stated)
    fetch_files([file], tmp_path)
    (tmp_path / "a").write_bytes(damaged)
    fetch_files([file], tmp_path)
    assert (tmp_path / "a").read_bytes() == BODY


# --- interrupted transfers ----------------------------------------------------------------------------------


def test_a_transfer_that_breaks_off_goes_on_from_where_it_was(provider: Provider, tmp_path: Path):
    url = provider.serve("/a", BODY, drop_after=[1_500_000, 600_000])
    listener = Notes()
    fetch_files([RemoteFile("a", url, **STATED)], tmp_path, listener)
    assert (tmp_path / "a").read_bytes() == BODY
    first, second, third = ranges(provider, "/a")
    assert first is None
    assert second is not None
    assert third is not None
    starts = [int(re.sub(r"\D", "", text)) for text in (second, third)]
    assert 0 < starts[0] <= 1_500_000 and starts[0] < starts[1] <= starts[0] + 600_000
    assert len(listener.notes) == 2
    assert "trying again" in listener.notes[0]


def test_a_transfer_given_up_is_gone_on_with_by_the_next_command(provider: Provider, tmp_path: Path):
    url = provider.serve("/a", BODY, drop_after=[900_000, 0, 0, 0, 0], headers={"ETag": '"v1"'})
    file = RemoteFile("a", url)
    with pytest.raises(DatasetError, match=r"a: the transfer from http.*/a broke off.*run the same command"):
        fetch_files([file], tmp_path)
    assert not (tmp_path / "a").exists()
    provider.served["/a"].drop_after.clear()
    assert 0 < len(BODY) - plan_fetch([file], tmp_path).bytes_left <= 900_000
    fetch_files([file], tmp_path)
    assert (tmp_path / "a").read_bytes() == BODY
    last = provider.asked("GET", "/a")[-1]
    assert last["Range"].startswith("bytes=")
    assert last["If-Range"] == '"v1"'
    assert leftovers(tmp_path) == []


def test_a_server_without_ranges_sends_everything_again(provider: Provider, tmp_path: Path):
    url = provider.serve("/a", BODY, drop_after=[1_200_000], ranges=False)
    fetch_files([RemoteFile("a", url, **STATED)], tmp_path)
    assert (tmp_path / "a").read_bytes() == BODY


def test_parts_of_two_versions_are_never_joined(provider: Provider, tmp_path: Path):
    url = provider.serve("/a", BODY, drop_after=[900_000, 0, 0, 0, 0], headers={"ETag": '"v1"'})
    with pytest.raises(DatasetError):
        fetch_files([RemoteFile("a", url)], tmp_path)
    newer = BODY[::-1]
    provider.serve("/a", newer, headers={"ETag": '"v2"'})
    fetch_files([RemoteFile("a", url)], tmp_path)
    assert (tmp_path / "a").read_bytes() == newer


def test_without_version_and_checksum_a_transfer_begins_anew(provider: Provider, tmp_path: Path):
    url = provider.serve("/a", BODY, drop_after=[900_000])
    fetch_files([RemoteFile("a", url)], tmp_path)
    assert ranges(provider, "/a") == [None, None]
    assert (tmp_path / "a").read_bytes() == BODY


def test_a_stale_partial_file_costs_one_more_transfer_and_no_error(provider: Provider, tmp_path: Path):
    url = provider.serve("/a", BODY)
    (tmp_path / "a.part").write_bytes(b"y" * 1000)
    (tmp_path / "a.part.json").write_text(json.dumps({"url": url, "version": ""}))
    fetch_files([RemoteFile("a", url, **STATED)], tmp_path)
    assert ranges(provider, "/a") == ["bytes=1000-", None]
    assert (tmp_path / "a").read_bytes() == BODY


def test_a_partial_file_that_is_too_long_is_thrown_away(provider: Provider, tmp_path: Path):
    url = provider.serve("/a", BODY)
    (tmp_path / "a.part").write_bytes(b"y" * (len(BODY) + 1))
    (tmp_path / "a.part.json").write_text(json.dumps({"url": url, "version": ""}))
    fetch_files([RemoteFile("a", url, **STATED)], tmp_path)
    assert (tmp_path / "a").read_bytes() == BODY


def test_a_part_that_was_not_asked_for_is_not_taken(provider: Provider, tmp_path: Path):
    whole = {"Content-Range": f"bytes 0-{len(BODY) - 1}/{len(BODY)}"}
    url = provider.serve("/a", BODY, status=206, headers=whole)
    (tmp_path / "a.part").write_bytes(BODY[:1000])
    (tmp_path / "a.part.json").write_text(json.dumps({"url": url, "version": ""}))
    fetch_files([RemoteFile("a", url, **STATED)], tmp_path)
    assert ranges(provider, "/a") == ["bytes=1000-", None]
    assert (tmp_path / "a").read_bytes() == BODY


def test_a_busy_server_is_asked_again(provider: Provider, tmp_path: Path):
    url = provider.serve("/a", BODY, failing=[503, 429])
    fetch_files([RemoteFile("a", url, **STATED)], tmp_path)
    assert (tmp_path / "a").read_bytes() == BODY
    provider.serve("/b", BODY, failing=[503] * 4)
    with pytest.raises(DatasetError, match=r"b: http.*/b answers with HTTP 503; try again later"):
        fetch_files([RemoteFile("b", provider.url + "/b", **STATED)], tmp_path)


# --- at the same time ---------------------------------------------------------------------------------------


def test_two_fetches_at_once_transfer_a_file_once(provider: Provider, tmp_path: Path):
    file = RemoteFile("a", provider.serve("/a", BODY), **STATED)
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda _: fetch_files([file], tmp_path), range(2)))
    assert (tmp_path / "a").read_bytes() == BODY
    assert len(provider.asked("GET", "/a")) == 1
