"""`stbench bundle`, `verify` and merging: what was changed, cut off or smuggled in is refused."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
from plugins.command import run_two_floors, stbench

pytestmark = pytest.mark.usefixtures("few_starts")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, cache_of_the_session: Path) -> Path:
    """Two floors on demo-tiny."""
    return run_two_floors(tmp_path_factory.mktemp("results"), cache_of_the_session, n_genes=8)


@pytest.fixture(scope="module")
def sound(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "results.zip"
    assert stbench("bundle", "--out", results, "--to", path, "--with-truth").status == 0
    return path


@pytest.fixture
def bundle(sound: Path, tmp_path: Path) -> Path:
    """A bundle of this test's own."""
    return Path(shutil.copy(sound, tmp_path / "results.zip"))


def rewritten(bundle: Path, change) -> Path:
    """The bundle with `change` applied to its files by name, manifest included."""
    with zipfile.ZipFile(bundle) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    path = bundle.with_name("changed.zip")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def first(files: dict[str, bytes], room: str) -> str:
    return next(name for name in files if name.startswith(room))


def test_everything_comes_out_again(bundle):
    found = stbench("verify", bundle, "--json")
    told = json.loads(found.out)
    assert found.status == 0 and told["problems"] == [] and told["n_truth_not_checked"] == 0
    assert told["n_records"] == 8 and told["n_numbers"] > 8 * (20 + 5 * 8)


def test_the_same_results_give_the_same_bytes(results, bundle, tmp_path):
    again = tmp_path / "again.zip"
    stbench("bundle", "--out", results, "--to", again, "--with-truth")
    assert again.read_bytes() == bundle.read_bytes()


def test_a_changed_byte_is_refused(bundle):
    def change(files):
        name = first(files, "predictions/")
        files[name] = files[name][:-1] + bytes([files[name][-1] ^ 1])

    found = stbench("verify", rewritten(bundle, change))
    assert found.status == 2 and "was changed" in found.err and "predictions/" in found.err


@pytest.mark.parametrize(
    "name", ["../escaped.json", "/tmp/escaped.json", "records/../../x.json", "scripts/run.py"]
)
def test_a_name_that_leads_elsewhere_is_refused(bundle, name, tmp_path):
    found = stbench("verify", rewritten(bundle, lambda files: files.update({name: b"{}"})))
    assert found.status == 2 and "has no place in a bundle" in found.err
    assert not (tmp_path / "escaped.json").exists()


def test_a_truncated_archive_and_no_archive_are_refused(bundle, tmp_path):
    cut = tmp_path / "cut.zip"
    cut.write_bytes(bundle.read_bytes()[:-200])
    no_archive = tmp_path / "notes.txt"
    no_archive.write_text("nothing here")
    for path in (cut, no_archive):
        found = stbench("verify", path)
        assert found.status == 2 and "no whole bundle" in found.err
    assert stbench("verify", tmp_path / "absent.zip").status == 2


def test_a_missing_or_additional_file_is_refused(bundle):
    lacking = rewritten(bundle, lambda files: files.pop(first(files, "truths/")))
    assert "does not hold what its manifest lists" in stbench("verify", lacking).err
    added = rewritten(bundle, lambda files: files.update({"records/1234.json": b"{}"}))
    assert "does not hold what its manifest lists" in stbench("verify", added).err


def with_entry(bundle: Path, entry: zipfile.ZipInfo, content: bytes) -> Path:
    """The bundle with one entry more, which its manifest lists like any other."""
    with zipfile.ZipFile(bundle) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(files.pop("manifest.json"))
    manifest["files"][entry.filename] = hashlib.sha256(content).hexdigest()
    path = bundle.with_name("more.zip")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", json.dumps(manifest))
        for name, body in files.items():
            archive.writestr(name, body)
        archive.writestr(entry, content)
    return path


def refusal(bundle: Path) -> str:
    """What `stbench verify` and `stbench leaderboard` say, which must be one and the same sentence."""
    verified = stbench("verify", bundle)
    shown = stbench("leaderboard", "--out", bundle.parent / "none", "--bundle", bundle)
    assert verified.status == shown.status == 2 and verified.err == shown.err
    assert verified.err.count("\n") == 1 and "bug" not in verified.err
    return verified.err


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR])
def test_a_link_or_pipe_in_a_bundle_is_refused(bundle, kind):
    entry = zipfile.ZipInfo("records/0123456789abcdef.json")
    entry.external_attr = (kind | 0o644) << 16
    assert "not as a file" in refusal(with_entry(bundle, entry, b"/etc/passwd"))


def test_a_zip_bomb_is_one_sentence(bundle):
    entry = zipfile.ZipInfo("records/0123456789abcdef.json")
    entry.compress_type = zipfile.ZIP_DEFLATED
    assert "which no results do" in refusal(with_entry(bundle, entry, bytes(50_000_000)))


def test_a_size_that_no_result_has_is_one_sentence(bundle):
    """The size is what the archive states; nothing is unpacked to find out."""
    content = bundle.read_bytes()
    # The end of a zip archive says where its directory begins; the manifest is the first in it.
    stated = int.from_bytes(content[-6:-2], "little") + 24
    path = bundle.with_name("vast.zip")
    path.write_bytes(content[:stated] + (4_000_000_000).to_bytes(4, "little") + content[stated + 4 :])
    assert "manifest.json of 4000 MB" in refusal(path)


def test_arrays_that_unpack_to_more_than_any_result_are_named(results, tmp_path):
    changed = tmp_path / "changed"
    shutil.copytree(results, changed)
    truth = next((changed / "truths").glob("*.npz"))
    content = bytearray(truth.read_bytes())
    at = -1
    while (at := content.find(b"PK\x01\x02", at + 1)) >= 0:
        content[at + 24 : at + 28] = (4_000_000_000).to_bytes(4, "little")
    truth.write_bytes(content)
    found = stbench("verify", changed)
    words = "".join(found.out.split())  # a terminal breaks long paths anywhere
    assert found.status == 1 and "GBofarrays" in words and truth.stem[:12] in words


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_instead_of_a_bundle_or_a_record_is_not_waited_for(results, tmp_path):
    os.mkfifo(tmp_path / "pipe.zip")
    assert "is no file" in stbench("verify", tmp_path / "pipe.zip").err
    copied = tmp_path / "copied"
    shutil.copytree(results, copied)
    os.mkfifo(copied / "records" / "0123456789abcdef.json")
    assert stbench("bundle", "--out", copied, "--to", tmp_path / "x.zip").status == 0
    assert json.loads(stbench("verify", tmp_path / "x.zip", "--json").out)["n_records"] == 8


def test_a_score_that_does_not_follow_from_the_predictions_is_named(results, tmp_path):
    changed = tmp_path / "changed"
    shutil.copytree(results, changed)
    path = next(p for p in (changed / "records").glob("*.json") if '"knn"' in p.read_text())
    document = json.loads(path.read_text())
    document["record"]["slides"][0]["scores"]["pcc"] += 0.05
    path.write_text(json.dumps(document))
    found = stbench("verify", changed)
    assert found.status == 1 and "knn" in found.out and "pcc is stored as" in found.out


def test_results_without_predictions_cannot_be_verified(results, tmp_path):
    bare = tmp_path / "bare"
    shutil.copytree(results / "records", bare / "records")
    found = stbench("verify", bare)
    assert found.status == 1 and "predictions" in found.out


def test_a_bundle_joins_the_leaderboard_and_counts_once(results, bundle, tmp_path):
    own = stbench("leaderboard", "--out", results, "--json")
    both = stbench("leaderboard", "--out", results, "--bundle", bundle, "--json")
    assert both.status == 0 and both.out == own.out
    alone = stbench("leaderboard", "--out", tmp_path / "nothing", "--bundle", bundle, "--json")
    rows = [row for table in json.loads(alone.out)["tables"] for row in table["rows"]]
    assert {row["truth"] for row in rows if row["kind"] != "ceiling"} == {"truth not checked here"}
    for row in rows:
        row["truth"], row["marks"] = "", [m for m in row["marks"] if m != "truth not checked here"]
    assert rows == [row for table in json.loads(own.out)["tables"] for row in table["rows"]]


def test_a_record_of_another_type_is_named_and_the_others_are_shown(results, tmp_path):
    changed = tmp_path / "changed"
    shutil.copytree(results, changed)
    path = next((changed / "records").glob("*.json"))
    document = json.loads(path.read_text())
    document["record"]["seed"] = "zero"
    path.write_text(json.dumps(document))
    found = stbench("leaderboard", "--out", changed)
    told = "".join(found.err.split())
    assert found.status == 1 and "knn" in found.out and "bug" not in found.err
    assert path.name in told and "seedis'zero'" in told


@pytest.mark.parametrize("files", [[], {"records/1.json": 7}, None])
def test_a_manifest_of_other_types_is_one_sentence(bundle, files):
    def change(content):
        content["manifest.json"] = json.dumps({"format": 1, "files": files}).encode()

    assert "in its manifest.json, files" in refusal(rewritten(bundle, change))


def test_two_results_of_one_job_are_refused(results, bundle, tmp_path):
    changed = tmp_path / "changed"
    shutil.copytree(results, changed)
    path = next((changed / "records").glob("*.json"))
    document = json.loads(path.read_text())
    document["record"]["slides"][0]["scores"]["rmse"] = 0.123
    path.write_text(json.dumps(document))
    found = stbench("leaderboard", "--out", changed, "--bundle", bundle)
    assert found.status == 2 and "different results of one job" in found.err


def test_nothing_to_bundle_is_said(tmp_path):
    found = stbench("bundle", "--out", tmp_path, "--to", tmp_path / "x.zip")
    assert found.status == 2 and "no Records" in found.err
    np.testing.assert_equal((tmp_path / "x.zip").exists(), False)
