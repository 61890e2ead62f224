"""The hub's files: one commit, resumed, the user's own cache, the token to the hub alone, refusals as sentences."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from fetching.provider_server import Provider

from stbench.errors import DatasetError
from stbench.fetching import FetchListener, RemoteFile, fetch_files, hest_files, hub_files

REPOSITORY = "MahmoodLab/hest"
COMMIT, LATER = "a" * 40, "b" * 40
TOKEN = "hf_aSecretOfThisTest"
SLIDES = ("NCBI681", "NCBI682")
FOLDERS = {"st": "h5ad", "wsis": "tif", "patches": "h5", "metadata": "json"}
GATED = {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access to this dataset is restricted."}


def body(path: str, commit: str) -> bytes:
    return f"{path} at {commit}".encode() * 100


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Hub:
    """The few answers of the hub that listing and downloading take, in the hub's own form."""

    def __init__(self, provider: Provider, storage: Provider, token: str | None = None) -> None:
        self.provider, self.storage, self.token = provider, storage, token

    def serve(self, commit: str, revision: str = "main") -> None:
        about = {"id": REPOSITORY, "sha": commit, "siblings": [], "tags": [], "downloads": 0, "likes": 0}
        self.provider.serve(f"/api/datasets/{REPOSITORY}/revision/{revision}", json.dumps(about).encode())
        paths = [f"{folder}/{slide}.{suffix}" for folder, suffix in FOLDERS.items() for slide in SLIDES]
        entries = json.dumps([self.entry(path, commit) for path in paths]).encode()
        self.provider.serve(f"/api/datasets/{REPOSITORY}/paths-info/{commit}", entries)
        for path in paths:
            self.serve_file(path, commit)

    def entry(self, path: str, commit: str) -> dict[str, Any]:
        content = body(path, commit)
        entry: dict[str, Any] = {"type": "file", "path": path, "oid": "c" * 40, "size": len(content)}
        if not path.endswith(".json"):  # small text files are not in large-file storage
            entry["lfs"] = {"oid": sha256(content), "size": len(content), "pointerSize": 130}
        return entry

    def serve_file(self, path: str, commit: str, **how: Any) -> None:
        content = body(path, commit)
        real = self.storage.serve(f"/storage/{commit}/{path}", content, **how)
        about = {
            "Location": real,
            "X-Repo-Commit": commit,
            "X-Linked-Size": str(len(content)),
            "X-Linked-Etag": f'"{sha256(content)}"',
            "ETag": f'"{sha256(content)}"',
        }
        self.provider.serve(self.place(path, commit), status=302, headers=about, token=self.token)
        self.provider.served[self.place(path, commit)].headers_without_token = GATED

    def place(self, path: str, commit: str = COMMIT) -> str:
        return f"/datasets/{REPOSITORY}/resolve/{commit}/{path}"


@pytest.fixture
def hub(provider: Provider, other_provider: Provider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Hub:
    monkeypatch.setenv("HF_ENDPOINT", provider.url)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 500)  # these files are small
    monkeypatch.setattr("time.sleep", lambda _: None)
    return Hub(provider, other_provider)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_a_copy_is_of_one_commit_even_when_the_branch_moves(hub: Hub, folder: Path, tmp_path: Path):
    hub.serve(COMMIT)
    fetch_files(hest_files(SLIDES[:1], folder), folder)
    hub.serve(LATER)
    files = hest_files(SLIDES, folder)
    assert all(f"/resolve/{COMMIT}/" in file.url for file in files)
    fetch_files(files, folder)
    for path in ("st/NCBI681.h5ad", "wsis/NCBI682.tif", "metadata/NCBI682.json"):
        assert (folder / path).read_bytes() == body(path, COMMIT)
    assert {path.name for path in folder.iterdir()} == {*FOLDERS, "checksums.json", "checksums.json.lock"}
    assert all(f"/resolve/{LATER}/" in file.url for file in hest_files(SLIDES, tmp_path / "new"))


def test_what_is_there_is_not_asked_for_again(hub: Hub, folder: Path):
    hub.serve(COMMIT)
    fetch_files(hest_files(SLIDES, folder), folder)
    asked = len(hub.storage.requests)
    fetch_files(hest_files(SLIDES, folder), folder)
    assert len(hub.storage.requests) == asked


def test_hest_lists_a_slide_with_sizes_and_checksums(hub: Hub, folder: Path):
    hub.serve(COMMIT, "v1.1.0")
    st, metadata = hest_files(["NCBI682"], folder, parts=("st", "metadata"), revision="v1.1.0")
    assert [st.name, metadata.name] == ["st/NCBI682.h5ad", "metadata/NCBI682.json"]
    assert (st.size, st.sha256) == (len(body(st.name, COMMIT)), sha256(body(st.name, COMMIT)))
    assert (metadata.size, metadata.sha256) == (len(body(metadata.name, COMMIT)), None)
    with pytest.raises(
        DatasetError, match=r"MahmoodLab/hest has no file st/NCBI999\.h5ad at commit aaaaaaaaaa"
    ):
        hest_files(["NCBI999"], folder, revision="v1.1.0")


class Progress(FetchListener):
    def __init__(self) -> None:
        self.done: list[int] = []

    def progressed(self, file: RemoteFile, done: int, size: int | None) -> None:
        self.done.append(done)


def test_a_transfer_that_breaks_off_goes_on_from_where_it_was(hub: Hub, folder: Path):
    path = "wsis/NCBI681.tif"
    hub.serve(COMMIT)
    size = len(body(path, COMMIT))
    hub.serve_file(path, COMMIT, drop_after=[size // 2])
    listener = Progress()
    fetch_files(hub_files(REPOSITORY, [path], folder), folder, listener)
    assert (folder / path).read_bytes() == body(path, COMMIT)
    asked = [headers.get("Range", headers.get("range", "")) for _, _, headers in hub.storage.requests]
    assert f"bytes={size // 2}-" in asked
    assert listener.done[0] == 0 and listener.done[-1] == size
    assert not (folder / ".arriving").exists()


def test_a_transfer_that_is_given_up_leaves_nothing_half(hub: Hub, folder: Path):
    path = "wsis/NCBI681.tif"
    hub.serve(COMMIT)
    hub.serve_file(path, COMMIT, drop_after=[0] * 30)
    files = hub_files(REPOSITORY, [path], folder)
    with pytest.raises(DatasetError, match=r"wsis/NCBI681\.tif.*run the same command again"):
        fetch_files(files, folder)
    assert not (folder / path).exists()
    hub.serve_file(path, COMMIT)
    fetch_files(files, folder)
    assert (folder / path).read_bytes() == body(path, COMMIT)


def test_a_file_in_the_users_own_cache_is_taken_from_there(hub: Hub, folder: Path, tmp_path: Path):
    path = "st/NCBI681.h5ad"
    hub.serve(COMMIT)
    snapshot = tmp_path / "hub-cache" / "datasets--MahmoodLab--hest" / "snapshots" / COMMIT / path
    snapshot.parent.mkdir(parents=True)
    snapshot.write_bytes(body(path, COMMIT))
    fetch_files(hub_files(REPOSITORY, [path], folder), folder)
    assert (folder / path).read_bytes() == body(path, COMMIT)
    assert hub.storage.requests == []


def test_a_file_that_arrives_altered_is_not_kept(hub: Hub, folder: Path):
    path = "st/NCBI681.h5ad"
    hub.serve(COMMIT)
    hub.storage.serve(f"/storage/{COMMIT}/{path}", body(path, COMMIT)[::-1])
    with pytest.raises(DatasetError, match=r"st/NCBI681\.h5ad arrived from .* with SHA-256"):
        fetch_files(hub_files(REPOSITORY, [path], folder), folder)
    assert not list(folder.rglob("*.h5ad"))


@pytest.mark.parametrize(("status", "token"), [(401, None), (403, "hf_aTokenWithoutAccess")])
@pytest.mark.parametrize("typed", [True, False], ids=["typed", "plain"])
def test_gated_files_name_the_page_to_ask_at(
    hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch, status: int, token: str | None, typed: bool
):
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    hub.token = TOKEN
    hub.serve(COMMIT)
    for served in hub.provider.served.values():
        served.status_without_token = status
        if not typed:
            served.headers_without_token = {}
    page = f"{hub.provider.url}/datasets/MahmoodLab/hest"
    words = rf"st/NCBI681\.h5ad needs the provider's permission \(HTTP {status} .*ask for access at {page},.*HF_TOKEN"
    with pytest.raises(DatasetError, match=words) as refused:
        fetch_files(hest_files(SLIDES[:1], folder), folder)
    assert "aTokenWithoutAccess" not in str(refused.value)


def test_a_gated_listing_names_the_page_too(hub: Hub, folder: Path):
    hub.serve(COMMIT)
    for served in hub.provider.served.values():
        served.token, served.headers_without_token = TOKEN, GATED
    with pytest.raises(
        DatasetError, match=r"needs the provider's permission \(HTTP 401.*/datasets/MahmoodLab/hest"
    ):
        hest_files(SLIDES, folder)


def test_a_repository_that_is_not_there_is_said(hub: Hub, folder: Path):
    with pytest.raises(DatasetError, match=r"MahmoodLab/hest at main is not at .* \(HTTP 404\)"):
        hest_files(SLIDES, folder)


def test_no_network_is_said(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch):
    gone = Provider()
    gone.close()
    monkeypatch.setenv("HF_ENDPOINT", gone.url)
    with pytest.raises(DatasetError, match=r"127\.0\.0\.1:\d+ cannot be reached .*check the network"):
        hest_files(SLIDES, folder)


def test_the_token_goes_to_the_hub_alone_and_is_written_nowhere(
    hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("DEBUG")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.token = TOKEN
    hub.serve(COMMIT)
    fetch_files(hest_files(SLIDES[:1], folder), folder)
    assert (folder / "st" / "NCBI681.h5ad").read_bytes() == body("st/NCBI681.h5ad", COMMIT)
    sent = [{name.lower() for name in headers} for _, _, headers in hub.provider.requests]
    assert all("authorization" in names for names in sent)
    assert hub.storage.requests
    assert not any("authorization" in {n.lower() for n in headers} for _, _, headers in hub.storage.requests)
    assert not any(TOKEN in path.read_text() for path in folder.rglob("*") if path.is_file())
    assert TOKEN not in caplog.text


def test_other_providers_get_no_token(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    fetch_files([RemoteFile("a", hub.storage.serve("/a", b"x"))], folder)
    assert not any("Authorization" in headers for _, _, headers in hub.storage.requests)
