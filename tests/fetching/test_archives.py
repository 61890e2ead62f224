"""Archives are unpacked whole, once, and never outside their folder."""

from __future__ import annotations

import gzip
import io
import json
import re
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest
from fetching.provider_server import Provider

from stbench.errors import DatasetError
from stbench.fetching import RemoteFile, fetch_files
from stbench.fetching.archives import unpack

PACKED = gzip.compress(b"AAAC-1\n")
CONTENT = {"spatial/positions.csv": b"AAAC-1,1,0,0,5,6\n", "spatial/deep/barcodes.tsv.gz": PACKED}


def tar(content: dict[str, bytes], mode: str = "w:gz") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, body in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    return out.getvalue()


def zipped(content: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, body in content.items():
            archive.writestr(name, body)
    return out.getvalue()


def written(path: Path, body: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return path


def below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("a.tar.gz", tar(CONTENT)),
        ("a.tgz", tar(CONTENT)),
        ("a.tar", tar(CONTENT, "w")),
        ("a.zip", zipped(CONTENT)),
    ],
)
def test_everything_is_unpacked_and_inner_gz_files_stay(tmp_path: Path, name: str, body: bytes):
    archive = written(tmp_path / name, body)
    (tmp_path / "out" / "spatial").mkdir(parents=True)
    (tmp_path / "out" / "spatial" / "positions.csv").write_text("an older file")
    paths = unpack(archive, tmp_path / "out")
    assert {path.relative_to(tmp_path / "out").as_posix(): path.read_bytes() for path in paths} == CONTENT
    assert below(tmp_path / "out") == set(CONTENT)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("a.tar.gz", "../outside"),
        ("a.tar.gz", "a/../../outside"),
        ("a.zip", "../outside"),
        ("a.zip", "a/../../outside"),
        ("a.zip", "/outside"),
        ("a.zip", "a\\..\\..\\outside"),
        ("a.zip", "C:/outside"),
    ],
)
def test_an_archive_that_tries_to_leave_is_refused(tmp_path: Path, kind: str, name: str):
    content = {"good": b"1", name: b"2"}
    archive = written(tmp_path / "in" / kind, zipped(content) if kind == "a.zip" else tar(content))
    with pytest.raises(DatasetError, match=rf"{kind} holds an entry that must not be unpacked"):
        unpack(archive, tmp_path / "in" / "out")
    assert below(tmp_path) == {f"in/{kind}"}


def test_a_leading_slash_in_a_tar_archive_leads_nowhere(tmp_path: Path):
    archive = written(tmp_path / "a.tar", tar({"/inside": b"1"}, "w"))
    assert unpack(archive, tmp_path / "out") == [tmp_path / "out" / "inside"]


def tar_of(*entries: tuple[str, bytes, str | bytes]) -> bytes:
    """A tar archive of (name, type, what a file holds or where a link leads)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, kind, content in entries:
            member = tarfile.TarInfo(name)
            member.type = kind
            if isinstance(content, bytes):
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
            else:
                member.linkname = content
                archive.addfile(member)
    return out.getvalue()


FILE, SYMBOLIC, HARD = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE


@pytest.mark.parametrize(
    ("entries", "what"),
    [
        ([("good", FILE, b"1"), ("door", SYMBOLIC, "../../etc/passwd")], "link"),
        ([("door", SYMBOLIC, "{outside}"), ("door/kept", FILE, b"overwritten")], "link"),
        ([("door", SYMBOLIC, "../.."), ("door/outside/kept", FILE, b"overwritten")], "link"),
        ([("door", HARD, "{outside}/kept"), ("door", FILE, b"overwritten")], "link"),
        ([("good", FILE, b"1"), ("again", HARD, "good")], "link"),
        ([("good", FILE, b"1"), ("again", SYMBOLIC, "good")], "link"),
        ([("good", FILE, b"1"), ("pipe", tarfile.FIFOTYPE, "")], "device or pipe"),
        ([("good", FILE, b"1"), ("disk", tarfile.BLKTYPE, "")], "device or pipe"),
        ([("good", FILE, b"1"), ("null", tarfile.CHRTYPE, "")], "device or pipe"),
    ],
)
def test_links_and_devices_in_a_tar_archive_are_refused(tmp_path: Path, entries, what: str):
    outside = written(tmp_path / "outside" / "kept", b"as it was").parent
    entries = [(n, k, c.format(outside=outside) if isinstance(c, str) else c) for n, k, c in entries]
    archive = written(tmp_path / "a.tar.gz", tar_of(*entries))
    with pytest.raises(DatasetError, match=rf"must not be unpacked.*is a {what}.*nothing was unpacked"):
        unpack(archive, tmp_path / "out")
    assert below(tmp_path) == {"a.tar.gz", "outside/kept"}
    assert (outside / "kept").read_bytes() == b"as it was"


@pytest.mark.parametrize(
    ("mode", "what"),
    [(stat.S_IFLNK, "link"), (stat.S_IFIFO, "device or pipe"), (stat.S_IFCHR, "device or pipe")],
)
def test_links_and_devices_in_a_zip_archive_are_refused(tmp_path: Path, mode: int, what: str):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("good", b"1")
        entry = zipfile.ZipInfo("door")
        entry.external_attr = (mode | 0o644) << 16
        opened.writestr(entry, "/etc/passwd")
    with pytest.raises(DatasetError, match=rf"must not be unpacked.*door is a {what}"):
        unpack(archive, tmp_path / "out")
    assert below(tmp_path) == {"a.zip"}


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("a.tar.gz", tar(CONTENT)[:-20], "damaged"),
        ("a.tar.gz", b"<html>not an archive</html>", "damaged"),
        ("a.zip", zipped(CONTENT)[:-30], "damaged"),
        ("a.tar.gz", tar({}), "holds no files"),
        ("a.7z", b"7z", "no archive that can be unpacked"),
    ],
    # Names of their own: an archive holds the second at which it was made, and two workers must collect the same tests.
    ids=["cut short", "a web page", "zip cut short", "empty", "of another kind"],
)
def test_damaged_archives_are_named(tmp_path: Path, name: str, body: bytes, words: str):
    with pytest.raises(DatasetError, match=f"{re.escape(name)}.*{words}"):
        unpack(written(tmp_path / name, body), tmp_path / "out")
    assert below(tmp_path) == {name}


def test_a_fetched_archive_is_unpacked_beside_itself_and_once(provider: Provider, tmp_path: Path):
    url = provider.serve("/x_spatial.tar.gz", tar(CONTENT))
    file = RemoteFile("block1/spatial.tar.gz", url, unpack=True)
    fetch_files([file], tmp_path)
    positions = tmp_path / "block1" / "spatial" / "positions.csv"
    assert positions.read_bytes() == CONTENT["spatial/positions.csv"]
    entry = json.loads((tmp_path / "checksums.json").read_text())["block1/spatial.tar.gz"]
    assert sorted(entry["unpacked"]) == sorted(f"block1/{name}" for name in CONTENT)
    stamp = positions.stat().st_mtime_ns, positions.stat().st_ino
    fetch_files([file], tmp_path)
    assert (positions.stat().st_mtime_ns, positions.stat().st_ino) == stamp
    positions.unlink()
    fetch_files([file], tmp_path)  # the archive is still here
    assert positions.exists()
    assert len(provider.asked("GET", "/x_spatial.tar.gz")) == 1


def test_an_archive_placed_by_hand_is_unpacked(provider: Provider, tmp_path: Path):
    body = tar(CONTENT)
    written(tmp_path / "a.tar.gz", body)
    fetch_files([RemoteFile("a.tar.gz", provider.serve("/a", body), unpack=True)], tmp_path)
    assert (tmp_path / "spatial" / "positions.csv").exists()
    assert provider.asked("GET", "/a") == []
