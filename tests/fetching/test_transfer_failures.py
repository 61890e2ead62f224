"""What goes wrong with a file is one sentence that names the file, its address and what to do."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from fetching.provider_server import Provider

from stbench.errors import DatasetError, StorageError
from stbench.fetching import RemoteFile, fetch_files, plan_fetch

BODY = bytes(range(256)) * 1_000
STATED = {"size": len(BODY), "sha256": hashlib.sha256(BODY).hexdigest()}


# --- refusals -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, r"a/b\.tif is not at http.*/a \(HTTP 404\).*see https://page/x, and place it by hand"),
        (403, r"a/b\.tif: the provider refuses http.*/a \(HTTP 403\); see https://page/x and ask for access"),
        (500, r"a/b\.tif: http.*/a answers with HTTP 500"),
    ],
)
@pytest.mark.parametrize("stated", [STATED, {}], ids=["listed", "unlisted"])
def test_refusals_name_file_address_and_what_to_do(
    provider: Provider, tmp_path: Path, status: int, words: str, stated: dict
):
    url = provider.serve("/a", b"an error page", status=status)
    with pytest.raises(DatasetError, match=words):
        fetch_files([RemoteFile("a/b.tif", url, page="https://page/x", **stated)], tmp_path)
    assert not (tmp_path / "a" / "b.tif").exists()


def test_no_network(tmp_path: Path):
    gone = Provider()
    gone.close()
    for stated in (STATED, {}):
        with pytest.raises(
            DatasetError, match=r"a: 127\.0\.0\.1:\d+ cannot be reached \(no connection\).*check the network"
        ):
            fetch_files([RemoteFile("a", f"{gone.url}/a", **stated)], tmp_path)


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ({"sha256": "0" * 64}, "SHA-256 [0-9a-f]{64} instead of 0+"),
        ({"md5": "0" * 32}, "MD5 [0-9a-f]{32} instead of 0+"),
        ({"size": 7}, f"{len(BODY)} bytes instead of 7"),
    ],
    ids=["sha256", "md5", "size"],
)
def test_what_arrives_wrong_is_not_kept(provider: Provider, tmp_path: Path, stated: dict, words: str):
    url = provider.serve("/a", BODY)
    with pytest.raises(DatasetError, match=rf"a arrived from http.*/a with {words}; fetch again"):
        fetch_files([RemoteFile("a", url, **stated)], tmp_path)
    assert not (tmp_path / "a").exists()
    assert not list(tmp_path.glob("*.part*"))


def test_a_file_that_the_provider_replaced_in_silence_is_noticed(provider: Provider, tmp_path: Path):
    file = RemoteFile("a", provider.serve("/a", BODY))
    fetch_files([file], tmp_path)
    (tmp_path / "a").unlink()
    provider.serve("/a", BODY[::-1])
    with pytest.raises(
        DatasetError, match=r"no longer the file that arrived.*checksums\.json.*delete its entry"
    ):
        fetch_files([file], tmp_path)
    entries = json.loads((tmp_path / "checksums.json").read_text())
    del entries["a"]
    (tmp_path / "checksums.json").write_text(json.dumps(entries))
    fetch_files([file], tmp_path)
    assert (tmp_path / "a").read_bytes() == BODY[::-1]


def test_a_file_whose_stated_checksum_changed_is_fetched_anew(provider: Provider, tmp_path: Path):
    url = provider.serve("/a", BODY)
    fetch_files([RemoteFile("a", url, md5=hashlib.md5(BODY).hexdigest())], tmp_path)
    newer = BODY[::-1]
    provider.serve("/a", newer)
    fetch_files([RemoteFile("a", url, md5=hashlib.md5(newer).hexdigest())], tmp_path)
    assert (tmp_path / "a").read_bytes() == newer


def test_an_unreadable_record_is_named(provider: Provider, tmp_path: Path):
    (tmp_path / "checksums.json").write_text('{"a": {"sha": 1}}')
    with pytest.raises(DatasetError, match=r"checksums\.json cannot be read"):
        fetch_files([RemoteFile("a", provider.serve("/a", BODY))], tmp_path)


# --- disk ---------------------------------------------------------------------------------------------------


def test_a_disk_that_is_too_small_is_said_before_the_transfer(provider: Provider, tmp_path: Path):
    url = provider.serve("/a", BODY)
    with pytest.raises(DatasetError, match=r"needs 1\.2 EB more and its disk has .* free.*--data-root"):
        fetch_files([RemoteFile("small", url), RemoteFile("a", url, size=1 << 60)], tmp_path)
    assert provider.asked("GET", "/a") == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_disk_that_fills_up_is_said(provider: Provider, tmp_path: Path):
    (tmp_path / "a.part").symlink_to("/dev/full")
    with pytest.raises(DatasetError, match=r"a: the disk of .* is full; make room.*goes on where it stopped"):
        fetch_files([RemoteFile("a", provider.serve("/a", BODY), **STATED)], tmp_path)


def test_a_folder_that_cannot_be_written_is_said(provider: Provider, tmp_path: Path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(StorageError, match=r"Cannot write .*taken"):
        fetch_files([RemoteFile("taken/a", provider.serve("/a", BODY))], tmp_path)


# --- names and plans ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../a", "/etc/a", "a/../../b", "", "a//b", "C:\\a", "a\\..\\b", "."])
def test_a_name_that_leaves_the_folder_is_refused(name: str):
    with pytest.raises(DatasetError, match="would not lie inside"):
        RemoteFile(name, "https://example.org/a")


def test_a_plan_asks_for_sizes_and_transfers_nothing(provider: Provider, tmp_path: Path):
    url = provider.serve("/a", BODY)
    shy = provider.serve("/shy", BODY, head=False)
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "here").write_bytes(BODY)
    plan = plan_fetch([RemoteFile("here", url, **STATED), RemoteFile("b", url), RemoteFile("c", shy)], folder)
    assert [file.name for file in plan.there] == ["here"]
    assert [(file.name, file.size) for file in plan.missing] == [("b", len(BODY)), ("c", None)]
    assert plan.bytes_left == len(BODY)
    assert provider.asked("GET", "/a") == []
    assert [path.name for path in folder.iterdir()] == ["here"]
