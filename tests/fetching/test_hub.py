"""The hub's listing and gated files: one commit, the token to the hub alone, and nowhere in words."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from fetching.provider_server import Provider

from stbench.errors import DatasetError
from stbench.fetching import fetch_files, hest_files, hub_files

REPOSITORY = "MahmoodLab/hest"
COMMIT, LATER = "a" * 40, "b" * 40
TOKEN = "hf_aSecretOfThisTest"
SLIDES = ("NCBI681", "NCBI682")


def body(path: str, commit: str) -> bytes:
    return f"{path} at {commit}".encode() * 100


class Hub:
    """The few answers of the hub that listing and downloading take, in the hub's own form."""

    def __init__(self, provider: Provider, storage: Provider, token: str | None = None) -> None:
        self.provider, self.storage, self.token = provider, storage, token

    def serve(self, commit: str, revision: str = "main") -> None:
        provider = self.provider
        provider.serve(
            f"/api/datasets/{REPOSITORY}/revision/{revision}", json.dumps({"sha": commit}).encode()
        )
        for folder, suffix in (("st", "h5ad"), ("wsis", "tif"), ("patches", "h5"), ("metadata", "json")):
            paths = [f"{folder}/{slide}.{suffix}" for slide in (*SLIDES, "NCBI6810")]
            entries = [self.entry(path, commit) for path in paths]
            entries.append({"type": "directory", "path": f"{folder}/old", "oid": "0", "size": 0})
            tree = f"/api/datasets/{REPOSITORY}/tree/{commit}/{folder}"
            following = f'<{provider.url}{tree}?cursor=2>; rel="next"'
            provider.serve(tree, json.dumps(entries[:1]).encode(), headers={"Link": following})
            provider.serve(f"{tree}?cursor=2", json.dumps(entries[1:]).encode())
            for path in paths:
                self.serve_file(path, commit)

    def entry(self, path: str, commit: str) -> dict:
        content = body(path, commit)
        entry: dict = {"type": "file", "path": path, "oid": "c" * 40, "size": len(content)}
        if not path.endswith(".json"):  # small text files are not in large-file storage
            entry["lfs"] = {
                "oid": hashlib.sha256(content).hexdigest(),
                "size": len(content),
                "pointerSize": 130,
            }
        return entry

    def serve_file(self, path: str, commit: str) -> None:
        real = self.storage.serve(f"/storage/{commit}/{path}", body(path, commit))
        place = f"/datasets/{REPOSITORY}/resolve/{commit}/{path}"
        self.provider.serve(place, status=302, headers={"Location": real}, token=self.token)


@pytest.fixture
def hub(provider: Provider, other_provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Hub:
    monkeypatch.setenv("HF_ENDPOINT", provider.url)
    return Hub(provider, other_provider)


def test_a_copy_is_of_one_commit_even_when_the_branch_moves(hub: Hub, tmp_path: Path):
    hub.serve(COMMIT)
    fetch_files(hest_files(SLIDES[:1], tmp_path), tmp_path)
    hub.serve(LATER)
    files = hest_files(SLIDES, tmp_path)
    assert all(f"/resolve/{COMMIT}/" in file.url for file in files)
    fetch_files(files, tmp_path)
    for path in ("st/NCBI681.h5ad", "wsis/NCBI682.tif", "metadata/NCBI682.json"):
        assert (tmp_path / path).read_bytes() == body(path, COMMIT)
    assert all(f"/resolve/{LATER}/" in file.url for file in hest_files(SLIDES, tmp_path / "new"))


def test_hest_lists_a_slide_with_sizes_and_checksums(hub: Hub, tmp_path: Path):
    hub.serve(COMMIT, "v1.1.0")
    files = hest_files(["NCBI682"], tmp_path, parts=("st", "metadata"), revision="v1.1.0")
    assert [file.name for file in files] == ["st/NCBI682.h5ad", "metadata/NCBI682.json"]
    st, metadata = files
    assert st.size == len(body(st.name, COMMIT))
    assert st.sha256 == hashlib.sha256(body(st.name, COMMIT)).hexdigest()
    assert (metadata.size, metadata.sha256) == (len(body(metadata.name, COMMIT)), None)
    with pytest.raises(
        DatasetError, match=r"MahmoodLab/hest has no file st/NCBI999\.h5ad at commit aaaaaaaaaa"
    ):
        hest_files(["NCBI999"], tmp_path, revision="v1.1.0")


def test_patterns_choose_files(hub: Hub, tmp_path: Path):
    hub.serve(COMMIT)
    names = [file.name for file in hub_files(REPOSITORY, ["st/NCBI681*", "metadata/NCBI682.json"], tmp_path)]
    assert sorted(names) == ["metadata/NCBI682.json", "st/NCBI681.h5ad", "st/NCBI6810.h5ad"]


def test_gated_files_name_the_page_to_ask_at(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    hub.token = TOKEN
    hub.serve(COMMIT)
    files = hest_files(SLIDES[:1], tmp_path)
    page = f"{hub.provider.url}/datasets/MahmoodLab/hest"
    words = (
        rf"st/NCBI681\.h5ad needs the provider's permission \(HTTP 401 .*ask for access at {page}.*HF_TOKEN"
    )
    with pytest.raises(DatasetError, match=words):
        fetch_files(files, tmp_path)
    monkeypatch.setenv("HF_TOKEN", "hf_aTokenWithoutAccess")
    hub.provider.served[f"/datasets/{REPOSITORY}/resolve/{COMMIT}/st/NCBI681.h5ad"].status_without_token = 403
    with pytest.raises(DatasetError, match=r"HTTP 403.*ask for access at") as refused:
        fetch_files(files, tmp_path)
    assert "hf_aTokenWithoutAccess" not in str(refused.value)


def test_a_gated_listing_names_the_page_too(hub: Hub, tmp_path: Path):
    hub.serve(COMMIT)
    for served in hub.provider.served.values():
        served.token = TOKEN
    with pytest.raises(
        DatasetError, match=r"needs the provider's permission \(HTTP 401.*/datasets/MahmoodLab/hest"
    ):
        hest_files(SLIDES, tmp_path)


def test_the_token_goes_to_the_hub_alone_and_is_written_nowhere(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("DEBUG")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.token = TOKEN
    hub.serve(COMMIT)
    fetch_files(hest_files(SLIDES[:1], tmp_path), tmp_path)
    assert (tmp_path / "st" / "NCBI681.h5ad").read_bytes() == body("st/NCBI681.h5ad", COMMIT)
    assert any(headers.get("Authorization") for _, _, headers in hub.provider.requests)
    assert hub.storage.requests
    assert not any("Authorization" in headers for _, _, headers in hub.storage.requests)
    assert not any(TOKEN in path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert TOKEN not in caplog.text


def test_other_providers_get_no_token(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from stbench.fetching import RemoteFile

    monkeypatch.setenv("HF_TOKEN", TOKEN)
    fetch_files([RemoteFile("a", hub.storage.serve("/a", b"x"))], tmp_path)
    assert not any("Authorization" in headers for _, _, headers in hub.storage.requests)
