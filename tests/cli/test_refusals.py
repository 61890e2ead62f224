"""Wrong usage and unusable input: one clear sentence on standard error, exit status 2, nothing half-written."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from plugins import slides
from plugins.command import Outcome, leftovers, records, stbench

from stbench import registry

RUN = ("run", "--dataset", "her2", "--inner", "none", "--threads", 1)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four sound slides of four patients, not to be changed."""
    return slides.write_slides(tmp_path_factory.mktemp("sound"))


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """Three slides of this test's own."""
    return slides.write_slides(tmp_path / "data", ("A1", "B1", "C1"))


def refused(result: Outcome, out: Path, *words: str) -> None:
    """One sentence that names what was found, exit status 2, and nothing half-written."""
    lines = result.err.strip().splitlines()
    assert result.status == 2, result.err
    assert result.out == ""
    assert lines[-1].startswith("stbench: ")
    assert sum(line.startswith("stbench: ") for line in lines) == 1
    assert "Traceback" not in result.err
    assert "bug" not in lines[-1]
    for word in words:
        assert word in lines[-1]
    assert records(out) == {}
    assert leftovers(out) == []


def run(root: Path, out: Path, *arguments: object, method: str = "mean") -> Outcome:
    return stbench(*RUN, "--method", method, "--data-root", root, "--out", out, *arguments)


MISTYPED = {
    "method": (("--method", "rigde"), ("rigde", "ridge")),
    "dataset": (("--dataset", "her3"), ("her3", "her2")),
    "encoder": (("--encoder", "uin"), ("uin", "uni")),
    "preset": (("--method", "spahgc", "--variant", "papr"), ("papr", "paper")),
    "slide": (("--slides", "A1,B9,C1"), ("B9",)),
    "slide that is not there": (("--slides", "A1,A2"), ("A2", "counts")),
    "one slide": (("--slides", "A1"), ("two slides", "A1")),
    "no slide": (("--slides", ","), ("two slides",)),
    "device": (("--device", "gpu"), ("gpu", "cpu")),
    "absent device": (("--device", "mps"), ("mps", "auto")),
    "gene panel": (("--genes", "train-hgv"), ("train-hgv", "train-hvg")),
    "gene file that is not there": (("--genes", "file:nowhere.txt"), ("nowhere.txt",)),
    "gene file without a name": (("--genes", "file:"), ("one gene per line",)),
    "setting": (("--method", "ridge", "--set", "ridge.penality=1"), ("penality", "penalty")),
    "setting of a method that does not run": (("--method", "knn", "--set", "ridge.penalty=1"), ("ridge", "knn")),
    "text for a number": (("--method", "ridge", "--set", "penalty=high"), ("high", "number", "100.0")),
    "number beyond numbers": (("--method", "ridge", "--set", "penalty=.nan"), ("nan", "finite")),
    "date for a number": (("--method", "ridge", "--set", "penalty=2024-01-01"), ("2024-01-01", "plain")),
    "unreadable value": (("--method", "ridge", "--set", "penalty=["), ("penalty=[",)),
    "no value": (("--method", "ridge", "--set", "penalty="), ("METHOD.KEY=VALUE",)),
    "no key": (("--set", "3"), ("METHOD.KEY=VALUE",)),
    "split": (("--split", "patients"), ("patients", "patient")),
    "scale": (("--scale", "log"), ("log", "minmax")),
    "target": (("--target", "persn"), ("persn", "pearson")),
    "target by half its name": (("--target", "log"), ("log", "logcpm")),
    "grid": (("--grid", "big"), ("big", "small")),
    "inner text": (("--inner", "some"), ("some", "all")),
    "inner one": (("--inner", "1"), ("--inner 1", "from 2 on")),
    "inner fraction": (("--inner", "2.5"), ("2.5",)),
    "genes text": (("--n-genes", "many"), ("--n-genes", "many")),
    "no genes": (("--n-genes", "0"), ("--n-genes", "0")),
    "min counts": (("--min-counts", "-1"), ("--min-counts", "-1")),
    "epochs": (("--epochs", "-3"), ("--epochs", "-3")),
    "seeds text": (("--seeds", "0,one"), ("0,one", "whole numbers")),
    "seeds empty": (("--seeds", ","), ("--seeds",)),
    "seed negative": (("--seeds", "0,-1"), ("--seeds", "-1")),
    "seed too large": (("--seeds", "4294967296"), ("--seeds", "4294967296")),
    "workers": (("--workers", "0"), ("--workers", "0")),
    "threads": (("--threads", "none"), ("--threads", "none")),
    "patch": (("--patch-px", "0"), ("positive", "0")),
    "patch in microns of an unknown pixel": (("--method", "ridge", "--patch-um", "55"), ("A1", "--patch")),
    "patch without size": (("--patch-um", "nan"), ("positive", "nan")),
    "option": (("--n-gens", "20"), ("--n-gens", "--n-genes")),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "words"), MISTYPED.values(), ids=MISTYPED)
def test_a_mistyped_word_is_one_sentence(
    arguments: tuple, words: tuple, sound: Path, tmp_path: Path, quick: None
):
    refused(run(sound, tmp_path / "out", *arguments), tmp_path / "out", *words)


@pytest.mark.parametrize("arguments", [("--method", "ridge", "--set", "penality=1"), ("--slides", "A1")])
def test_a_dry_run_refuses_the_same(arguments: tuple, sound: Path, tmp_path: Path, quick: None):
    refused(run(sound, tmp_path / "out", "--dry-run", *arguments), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("more", [(), ("--dry-run",)], ids=["run", "dry run"])
@pytest.mark.parametrize(
    ("method", "setting", "words"),
    [("stnet", "mode=foo", ("mode", "foo")), ("histogene", "layers=0", ("layers is 0", "at least 1"))],
)
def test_a_value_out_of_range_stops_the_other_methods_too(
    method: str, setting: str, words: tuple, more: tuple, sound: Path, tmp_path: Path, quick: None
):
    arguments = ("--set", f"{method}.{setting}", *more)
    result = run(sound, tmp_path / "out", *arguments, method=f"ridge,{method}")
    refused(result, tmp_path / "out", f"{method}: ", *words)


def test_folds_with_too_few_training_slides_are_named_before_the_first_fit(
    sound: Path, tmp_path: Path, quick: None
):
    result = run(sound, tmp_path / "out", "--slides", "A1,C1", method="eggn")
    sentence = "eggn needs 2 training slides and cannot be fitted on: A1, C1."
    said = " ".join(result.err.split())
    assert sentence in said and "fold A1" not in said.partition(sentence)[0]
    assert {record["fold"] for record in records(tmp_path / "out").values() if record["failure"]} == {
        "A1",
        "C1",
    }
    assert sentence not in run(sound, tmp_path / "out", "--dry-run", method="eggn").err


def test_numbers_in_scientific_notation_are_numbers(sound: Path, tmp_path: Path, quick: None):
    result = run(sound, tmp_path, "--set", "mean.x=1e5")
    assert "x" in result.err  # `mean` takes no setting at all
    result = run(sound, tmp_path, "--method", "ridge", "--set", "penalty=1e5", "--dry-run", "--json")
    assert result.status == 0, result.err


def test_a_data_root_that_is_not_there(tmp_path: Path, quick: None):
    refused(run(tmp_path / "nowhere", tmp_path / "out"), tmp_path / "out", "nowhere", "--data-root")
    refused(run(tmp_path, tmp_path / "out"), tmp_path / "out", "fetch her2 (shows what to fetch by hand")


def test_who_trains_for_no_epoch_is_told_what_applies_where_epochs_are_not_bounded(
    tmp_path: Path, quick: None
):
    asked = ("run", "--method", "spahgc", "--epochs", "0", "--out", tmp_path, "--dataset")
    most = registry.dataset_card("demo").max_epochs
    assert f"leave it out for at most {most}, the bound of demo's card" in stbench(*asked, "demo").err
    assert "leave it out for the published number" in stbench(*asked, "her2").err


def test_a_dataset_with_one_slide(tmp_path: Path, quick: None):
    root = slides.write_slides(tmp_path / "data", ("A1",))
    refused(run(root, tmp_path / "out"), tmp_path / "out", "two", "1 complete")


def test_one_patient_has_no_patient_split(tmp_path: Path, quick: None):
    root = slides.write_slides(tmp_path / "data", ("A1", "A2", "A3"))
    refused(run(root, tmp_path / "out", "--split", "patient"), tmp_path / "out", "two patients", "patient A")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("\n2x3\t", "\n2x2\t"), ("2x2", "twice")),
        (lambda text: text[: text.rindex("\t")] + "\tmany\n", ("many", "whole numbers")),
        (lambda text: text[: text.rindex("\t")] + "\t-3\n", ("-3", "whole numbers")),
        (lambda text: text[: text.rindex("\t")] + "\t1.5\n", ("1.5", "whole numbers")),
        (lambda text: text[: text.rindex("\t")] + "\n", ("cut off",)),
        (lambda text: text.replace("\n", "\n9").removesuffix("9"), ("no spot in common",)),
        (lambda text: "", ("no count matrix",)),
    ],
    ids=["spot twice", "text", "negative", "fraction", "cut off", "no common spot", "empty"],
)
def test_damaged_counts(
    change: Callable[[str], str], words: tuple, damaged: Path, tmp_path: Path, quick: None
):
    slides.write_counts(damaged, "B1", change(slides.read_counts(damaged, "B1")))
    refused(run(damaged, tmp_path / "out"), tmp_path / "out", "B1", *words)


def test_counts_that_are_cut_off_as_a_file(damaged: Path, tmp_path: Path, quick: None):
    file = slides.counts_file(damaged, "B1")
    file.write_bytes(file.read_bytes()[:-20])
    refused(run(damaged, tmp_path / "out"), tmp_path / "out", "B1", "read whole")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda old: old[: len(old) // 2], ("truncated",)),
        (
            lambda old: b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 2\n",
            ("Git-LFS", "git lfs pull"),
        ),
        (lambda old: b"", ("image",)),
        (lambda old: b"<html>not found</html>", ("image",)),
    ],
    ids=["truncated", "Git-LFS pointer", "empty", "something else"],
)
def test_damaged_images(
    content: Callable[[bytes], bytes], words: tuple, damaged: Path, tmp_path: Path, quick: None
):
    file = slides.image_file(damaged, "B1")
    file.write_bytes(content(file.read_bytes()))
    refused(run(damaged, tmp_path / "out"), tmp_path / "out", str(file), *words)


def test_a_spot_beyond_the_images_edge(damaged: Path, tmp_path: Path, quick: None):
    file = slides.spots_file(damaged, "C1")
    file.write_text(file.read_text().replace("\t24.5\t", "\t960.5\t", 1))
    refused(run(damaged, tmp_path / "out"), tmp_path / "out", "C1", "960", "outside")


def test_too_few_spots_with_enough_counts(sound: Path, tmp_path: Path, quick: None):
    refused(run(sound, tmp_path / "out", "--min-counts", 10**9), tmp_path / "out", "counts")


def test_a_gene_file_with_unknown_genes(sound: Path, tmp_path: Path, quick: None):
    file = tmp_path / "panel.txt"
    file.write_text("\n".join([*slides.genes()[:12], "FASNX", "SCDX"]))
    refused(
        run(sound, tmp_path / "out", "--genes", f"file:{file}"), tmp_path / "out", "FASNX", "SCDX", "2 genes"
    )


def test_a_gene_file_that_is_no_text(sound: Path, tmp_path: Path, quick: None):
    file = tmp_path / "panel.txt"
    file.write_bytes(b"\xff\xfe\x00\x01")
    refused(run(sound, tmp_path / "out", "--genes", f"file:{file}"), tmp_path / "out", str(file))


def test_the_literal_intersection_panel_of_real_slides(shared_data: Path, tmp_path: Path, quick: None):
    result = run(
        shared_data,
        tmp_path / "out",
        "--genes",
        "hvg-intersection",
        "--slides",
        "B4,C2,C3,C4,C5",
        method="ridge",
    )
    refused(result, tmp_path / "out", "hvg-intersection", "B4", "--genes train-hvg")
    assert "embedded" not in result.err, "a panel that cannot be is found before images are embedded"


def test_results_below_a_regular_file(sound: Path, tmp_path: Path, quick: None):
    (tmp_path / "file").write_text("a file")
    refused(run(sound, tmp_path / "file" / "out"), tmp_path / "file" / "out", "Cannot write", "file")


def test_a_cache_below_a_regular_file(
    sound: Path, tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "file").write_text("a file")
    monkeypatch.setenv("STBENCH_CACHE", str(tmp_path / "file" / "cache"))
    refused(run(sound, tmp_path / "out", method="ridge"), tmp_path / "out", "Cannot write")
    refused(
        stbench("run", "--method", "mean", "--dataset", "demo-tiny", "--out", tmp_path / "out"),
        tmp_path / "out",
    )


@pytest.fixture
def small_disk(tmp_path: Path):
    """A disk of 64 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a small disk can only be mounted by root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_full_from_the_start(sound: Path, tmp_path: Path, small_disk: Path, quick: None):
    _fill(small_disk)
    refused(run(sound, small_disk / "out"), small_disk / "out", "Cannot write", "space")


def test_a_disk_that_fills_up_keeps_what_is_finished(
    sound: Path, small_disk: Path, quick: None, fixture_methods: Path
):
    arguments = ("--set", "sleepy.seconds=0.0", "--seeds", "0,1,2,3")
    result = run(sound, small_disk / "out", *arguments, method="sleepy")
    assert result.status == 2, result.err
    assert "Cannot write" in result.err.strip().splitlines()[-1]
    assert result.out == ""
    finished = records(small_disk / "out")
    assert 0 < len(finished) < 20
    assert all(record["failure"] is None for record in finished.values())
    assert leftovers(small_disk / "out") == []
    board = stbench("leaderboard", "--out", small_disk / "out", "--json")
    assert board.status == 0, board.err
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    before = {key: _changed(small_disk, key) for key in finished}
    result = run(sound, small_disk / "out", *arguments, method="sleepy")
    assert result.status == 0, result.err
    assert before == {key: _changed(small_disk, key) for key in finished}


def test_a_cache_on_a_full_disk(
    sound: Path, tmp_path: Path, small_disk: Path, quick: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("STBENCH_CACHE", str(small_disk / "cache"))
    refused(run(sound, tmp_path / "out", method="ridge"), tmp_path / "out", "Cannot write", "space")
    assert leftovers(small_disk) == []


def _fill(folder: Path) -> None:
    with (folder / "ballast").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(os.urandom(512))
        except OSError:
            pass


def _changed(disk: Path, key: str) -> int:
    return (disk / "out" / "records" / f"{key}.json").stat().st_mtime_ns
