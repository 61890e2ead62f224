"""`stbench datasets fetch` and the contract behind it, on a dataset that is dropped in."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fetching.provider_server import Provider
from plugins import command

import stbench.datasets
from stbench import registry
from stbench.contract import Dataset, SlideSource
from stbench.errors import DatasetError, PluginError
from stbench.fetching import RemoteFile

COUNTS, IMAGE = b"counts" * 1000, b"image" * 200_000
PLUGIN = '''
"""A dataset of two files."""
import os
from pathlib import Path
from stbench.contract import Dataset
from stbench.fetching import RemoteFile


class plugin(Dataset):
    name = "toy"
    folders = ("providers-toy",)

    def slides(self, root):
        self.locate(root, "toy", lambda folder: (folder / "image.tif").is_file())
        return []

    def remote_files(self, folder):
        host = os.environ["TOY_HOST"]
        return [
            RemoteFile("counts.tsv", host + "/counts", page="https://toy.example/page"),
            RemoteFile("image.tif", host + "/image", size=1_000_000),
        ]
'''
CARD = {
    "title": "Toy slides",
    "summary": "Two files.",
    "citation": "Toymaker (2020)",
    "licence": "CC BY 4.0 [toy]",
    "platform": "ST",
    "n_slides": 1,
    "n_patients": 1,
    "download_size": "1 MB",
}
Command = Callable[..., command.Outcome]


@pytest.fixture
def toy(provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """`stbench datasets ...`, where the dataset toy is plugged in."""
    folder = tmp_path / "plugins" / "toy"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(PLUGIN)
    (folder / "card.yaml").write_text(json.dumps(CARD))
    (tmp_path / "data").mkdir()
    provider.serve("/counts", COUNTS)
    provider.serve("/image", IMAGE)
    monkeypatch.setenv("TOY_HOST", provider.url)
    monkeypatch.setenv("STBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(stbench.datasets, "__path__", [*stbench.datasets.__path__, str(folder.parent)])
    monkeypatch.setattr(registry, "plugins", functools.cache(registry.plugins.__wrapped__))
    yield lambda *arguments: command.stbench("datasets", *arguments)
    sys.modules.pop("stbench.datasets.toy", None)


def test_a_dry_run_lists_files_and_downloads_nothing(toy: Command, provider: Provider, tmp_path: Path):
    shown = toy("fetch", "toy", "--dry-run")
    assert shown.status == 0, shown.err
    for words in ("counts.tsv", "6.0 kB", "image.tif", "1.0 MB", "2 of 2 files to download", "1.0 MB; "):
        assert words in shown.out
    document = toy("fetch", "toy", "--dry-run", "--json").document
    assert document["bytes_left"] == len(COUNTS) + len(IMAGE)
    assert document["folder"] == str(tmp_path / "data" / "toy")
    assert [(file["name"], file["size"], file["there"]) for file in document["files"]] == [
        ("counts.tsv", len(COUNTS), False),
        ("image.tif", len(IMAGE), False),
    ]
    assert {method for method, _, _ in provider.requests} == {"HEAD"}
    assert list((tmp_path / "data").iterdir()) == []


def test_fetch_shows_the_terms_first_and_downloads_once(toy: Command, provider: Provider, tmp_path: Path):
    fetched = toy("fetch", "toy")
    assert fetched.status == 0, fetched.err
    assert fetched.out == ""
    order = ["Toymaker (2020)", "CC BY 4.0 [toy]", "2 of 2 files to download", "fetched counts.tsv"]
    places = [fetched.err.index(words) for words in order]
    assert places == sorted(places)
    assert (tmp_path / "data" / "toy" / "image.tif").read_bytes() == IMAGE
    asked = len(provider.requests)
    again = toy("fetch", "toy")
    assert (again.status, len(provider.requests)) == (0, asked)
    assert "Everything is at" in again.err


def test_what_lies_in_the_providers_folder_is_completed_there(
    toy: Command, provider: Provider, tmp_path: Path
):
    folder = tmp_path / "data" / "providers-toy"
    folder.mkdir()
    (folder / "image.tif").write_bytes(IMAGE)
    assert toy("fetch", "toy").status == 0
    assert (folder / "counts.tsv").read_bytes() == COUNTS
    assert provider.asked("GET", "/image") == []


def test_a_failure_is_one_sentence_and_status_2(toy: Command, provider: Provider):
    del provider.served["/counts"]
    failed = toy("fetch", "toy")
    assert failed.status == 2
    last = failed.err.strip().splitlines()[-1]
    assert last.startswith("stbench: counts.tsv is not at")
    assert "https://toy.example/page" in last
    assert "Traceback" not in failed.err


def test_the_list_of_datasets_shows_download_sizes(toy: Command):
    listed = {entry["name"]: entry for entry in toy("--json").document["datasets"]}
    assert listed["toy"]["download_size"] == "1 MB"
    assert listed["toy"]["on_disk"] == "no; stbench datasets fetch toy"


def test_datasets_that_download_nothing_say_so(toy: Command):
    by_hand = toy("fetch", "her2", "--dry-run")
    assert by_hand.status == 2
    assert "github.com/almaan/her2st" in by_hand.err
    generated = toy("fetch", "demo", "--dry-run")
    assert generated.status == 2
    assert "generated on this machine" in generated.err
    assert "--dry-run" in toy("fetch", "toy", "--json").err


# --- the contract -------------------------------------------------------------------------------------------


class Bare(Dataset):
    def slides(self, root: Path) -> list[SlideSource]:
        return []


class Named(Bare):
    name = "named"
    folders = ("theirs",)
    url = ""

    def remote_files(self, folder: Path) -> list[RemoteFile]:
        return [RemoteFile("a", self.url)]


def test_fetch_places_what_remote_files_lists(provider: Provider, tmp_path: Path):
    dataset = Named()
    dataset.url = provider.serve("/a", b"content")
    dataset.fetch(tmp_path)
    assert (tmp_path / "named" / "a").read_bytes() == b"content"


def test_the_home_of_a_dataset(tmp_path: Path):
    assert Named().home(tmp_path) == tmp_path / "named"
    (tmp_path / "theirs").mkdir()
    assert Named().home(tmp_path) == tmp_path / "theirs"
    (tmp_path / "named").mkdir()
    assert Named().home(tmp_path) == tmp_path / "named"


def test_a_dataset_that_lists_no_files_says_so(tmp_path: Path):
    with pytest.raises(DatasetError, match="lists no files to download"):
        Bare().remote_files(tmp_path)
    with pytest.raises(PluginError, match="must set `name`"):
        Bare().fetch(tmp_path)
