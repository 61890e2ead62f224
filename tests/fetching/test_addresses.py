"""Mirrors with passwords and tokens are asked with them, and nobody reads them; lists without an end are given up."""

from __future__ import annotations

import base64
import json
import logging
import traceback
from pathlib import Path

import pytest
from fetching.provider_server import Provider

from stbench.errors import DatasetError
from stbench.fetching import (
    RemoteFile,
    fetch_files,
    geo_files,
    hest_files,
    visium_example_files,
    zenodo_files,
)
from stbench.fetching.addresses import below, shown

USER, PASSWORD, TOKEN = "somebody", "aPasswordOfThisTest", "aTokenOfThisTest"
SECRETS = (PASSWORD, TOKEN)
SUPPLEMENT = "/geo/samples/GSM4284nnn/GSM4284316/suppl/"
DOI = "10.5281/zenodo.4739739"


@pytest.mark.parametrize(
    ("address", "path", "whole"),
    [
        ("https://a.org", "b/c", "https://a.org/b/c"),
        ("https://a.org/x/", "/b", "https://a.org/x/b"),
        ("https://a.org/x?token=t", "b", "https://a.org/x/b?token=t"),
        ("https://a.org/x/?token=t", "b?download=1", "https://a.org/x/b?token=t&download=1"),
    ],
)
def test_a_path_below_an_address_keeps_the_addresss_query(address: str, path: str, whole: str):
    assert below(address, path) == whole


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("https://me:secret@a.org:80/b?token=secret", "https://a.org:80/b"),
        ("GET http://me@a.org/b failed", "GET http://a.org/b failed"),
        ('"GET /b?token=secret HTTP/1.1" 200', '"GET /b HTTP/1.1" 200'),
        ("https://a.org/b@c", "https://a.org/b@c"),
    ],
)
def test_an_address_is_shown_without_secrets(text: str, words: str):
    assert shown(text) == words


def mirror(provider: Provider, folder: str = "") -> str:
    """The provider's address as a laboratory sets it: with a name, a password and a token."""
    return provider.url.replace("//", f"//{USER}:{PASSWORD}@") + f"{folder}?token={TOKEN}"


def leaks(texts: list[str]) -> list[str]:
    return [text for text in texts if any(secret in text for secret in SECRETS)]


def written(folder: Path) -> list[str]:
    return [path.read_text() for path in folder.rglob("*") if path.is_file()]


def test_a_mirrors_secrets_are_sent_and_written_nowhere(
    provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("STBENCH_GEO_URL", mirror(provider, "/geo"))
    query = f"?token={TOKEN}"
    provider.serve(SUPPLEMENT + query, b'<a href="a.txt">a.txt</a>', failing=[503])
    provider.serve(f"{SUPPLEMENT}a.txt{query}", b"content")
    files = geo_files(["GSM4284316"])
    assert files[0].address == f"{provider.url}{SUPPLEMENT}a.txt"
    fetch_files(files, tmp_path)
    assert (tmp_path / "a.txt").read_bytes() == b"content"
    basic = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    assert {headers.get("Authorization") for _, _, headers in provider.requests} == {f"Basic {basic}"}
    assert caplog.records and leaks([caplog.text, *written(tmp_path)]) == []


def test_a_broken_transfer_keeps_no_secret_and_goes_on(provider: Provider, tmp_path: Path):
    body, query = bytes(range(256)) * 8_000, f"?token={TOKEN}"
    provider.serve(f"/a{query}", body, drop_after=[1_200_000, 0, 0, 0, 0], headers={"ETag": '"v1"'})
    file = RemoteFile("a", below(mirror(provider), "a"))
    with pytest.raises(DatasetError, match="broke off") as failed:
        fetch_files([file], tmp_path)
    assert leaks([*map(str, failed.value.args), (tmp_path / "a.part.json").read_text()]) == []
    provider.served[f"/a{query}"].drop_after.clear()
    fetch_files([file], tmp_path)
    assert (tmp_path / "a").read_bytes() == body
    assert provider.asked("GET", f"/a{query}")[-1]["Range"].startswith("bytes=")


def failure(call) -> str:
    """All that `--debug` could print of an error, its causes included."""
    with pytest.raises(DatasetError) as failed:
        call()
    return "".join(traceback.format_exception(failed.value))


@pytest.mark.parametrize("there", [True, False], ids=["refusing", "absent"])
def test_no_error_repeats_a_secret(
    provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
):
    address = mirror(provider)
    if not there:
        gone = Provider()
        gone.close()
        address = mirror(gone)
    for name in ("ZENODO", "GEO", "10X"):
        monkeypatch.setenv(f"STBENCH_{name}_URL", address)
    monkeypatch.setenv("HF_ENDPOINT", address.partition("?")[0])
    files = visium_example_files("V1", "1.1.0", "S1")
    words = [
        failure(lambda: geo_files(["GSM4284316"])),
        failure(lambda: zenodo_files(DOI)),
        failure(lambda: hest_files(["NCBI681"], tmp_path)),
        failure(lambda: fetch_files(files, tmp_path)),
        failure(lambda: fetch_files([RemoteFile("a", below(address, "a"), size=3)], tmp_path)),
    ]
    assert leaks(words) == []
    assert all("127.0.0.1" in text for text in words)


def test_a_record_that_was_kept_with_a_secret_loses_it(tmp_path: Path, provider: Provider):
    entry = {"sha256": "0" * 64, "size": 3, "url": below(mirror(provider), "old")}
    (tmp_path / "checksums.json").write_text(json.dumps({"old": entry}))
    fetch_files([RemoteFile("a", provider.serve("/a", b"x"))], tmp_path)
    assert leaks([(tmp_path / "checksums.json").read_text()]) == []


# --- lists without an end -----------------------------------------------------------------------------------


@pytest.fixture
def short_lists(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stbench.fetching.web.LISTING_BYTES", 100_000)
    for name in ("ZENODO", "GEO"):
        monkeypatch.setenv(f"STBENCH_{name}_URL", provider.url)


@pytest.mark.usefixtures("short_lists")
def test_a_list_without_end_is_given_up(provider: Provider):
    provider.serve("/samples/GSM4284nnn/GSM4284316/suppl/", b'<a href="x">x</a>' * 100_000)
    provider.serve("/api/records/4739739", b'{"files": [' + b"{}," * 1_000_000)
    for call in (lambda: geo_files(["GSM4284316"]), lambda: zenodo_files(DOI)):
        with pytest.raises(DatasetError, match=r"goes on and on \(1\d{5} bytes so far\), which no list"):
            call()


@pytest.mark.usefixtures("short_lists")
def test_a_list_that_leads_in_circles_is_given_up(provider: Provider):
    here, there = "/samples/GSM4284nnn/GSM4284316/suppl/", "/elsewhere"
    provider.serve(here, status=302, headers={"Location": there})
    provider.serve(there, status=302, headers={"Location": here})
    provider.serve("/api/records/4739739", status=302, headers={"Location": "/api/records/4739739"})
    for call in (lambda: geo_files(["GSM4284316"]), lambda: zenodo_files(DOI)):
        with pytest.raises(DatasetError, match="it redirects in circles"):
            call()


def test_a_file_longer_than_stated_is_not_taken_to_its_end(provider: Provider, tmp_path: Path):
    url = provider.serve("/a", b"x" * 30_000_000)
    with pytest.raises(DatasetError, match=r"a arrived from .* with \d+ bytes instead of 5") as failed:
        fetch_files([RemoteFile("a", url, size=5)], tmp_path)
    arrived = int(str(failed.value).split(" with ")[1].split()[0])
    assert arrived <= 2 << 20
    assert not (tmp_path / "a").exists() and not list(tmp_path.glob("*.part"))
