"""What the commands print for programs: one JSON document on standard output, of the structure that is promised."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from plugins import slides
from plugins.command import Outcome, leftovers, stbench

TABLE = {
    "dataset",
    "split",
    "inner",
    "tune_on",
    "checkpoints",
    "halving",
    "genes",
    "scale",
    "encoder",
    "rows",
}
ROW = {
    "method", "variant", "kind", "pcc", "pcc_ci", "pcc_slide_mean", "pcc_null", "pcc_given_depth", "pcc_equal_depth",
    "skill", "skill_equal_depth", "rmse", "rmse_log", "ari", "fit_seconds", "predict_seconds_per_1000_spots",
    "parameters", "n_slides", "n_patients", "n_failed", "n_constant", "variance_ratio", "structure", "leaky",
    "pretrained", "budget", "seeds", "notes", "slides",
}  # fmt: skip
SLIDE = {"slide", "patient", "pcc", "rmse", "ari", "failed"}


@pytest.fixture
def ran(tmp_path: Path, quick: None, fixture_methods: Path) -> tuple[Outcome, Path]:
    """A run with a method that fails on one fold, and its results folder."""
    root = slides.write_slides(tmp_path / "data", ("A1", "B1", "C1"))
    where = ("--dataset", "her2", "--data-root", root, "--out", tmp_path / "out", "--inner", "none")
    return stbench("run", "--method", "faulty", *where, "--threads", 1, "--json"), tmp_path / "out"


def test_a_run_and_its_leaderboard_print_one_document(ran: tuple[Outcome, Path]):
    run, out = ran
    assert run.status == 1
    board = stbench("leaderboard", "--out", out, "--json")
    assert board.status == 0
    assert board.err == ""
    assert board.document == run.document
    (table,) = board.document["tables"]
    assert table.keys() >= TABLE
    assert [row["kind"] for row in table["rows"]].count("floor") == 1
    for row in table["rows"]:
        assert row.keys() >= ROW
        assert row["kind"] in ("method", "floor", "ceiling", "published")
        assert row["leaky"] is False
        assert all(slide.keys() >= SLIDE for slide in row["slides"])
    (faulty,) = [row for row in table["rows"] if row["method"] == "faulty"]
    assert (faulty["n_failed"], faulty["n_slides"]) == (1, 2)
    assert {s["slide"]: bool(s["failed"]) for s in faulty["slides"]} == {"A1": True, "B1": False, "C1": False}


def test_a_leaderboard_in_every_format(ran: tuple[Outcome, Path], tmp_path: Path):
    _, out = ran
    rows = list(csv.DictReader(io.StringIO(stbench("leaderboard", "--out", out, "--format", "csv").out)))
    assert {row["method"] for row in rows} >= {"faulty", "mean"}
    assert "| faulty" in stbench("leaderboard", "--out", out, "--format", "md").out
    for name in ("md", "csv", "json"):
        written = stbench("leaderboard", "--out", out, "--format", name, "--to", tmp_path / f"board.{name}")
        assert (written.status, written.out) == (0, "")
        assert (tmp_path / f"board.{name}").read_text() == stbench(
            "leaderboard", "--out", out, "--format", name
        ).out
    assert "faulty" in stbench("leaderboard", "--out", out).out
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--format", "xlsx"), ("xlsx", "csv")),
        (("--sort", "rsme"), ("rsme", "pcc")),
        (("--to", "."), ("is a folder", "leaderboard.md")),
        (("--out", "nowhere"), ("nowhere", "stbench run")),
    ],
)
def test_a_leaderboard_that_cannot_be(
    arguments: tuple, words: tuple, ran: tuple[Outcome, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    result = stbench("leaderboard", "--out", ran[1], *arguments)
    assert (result.status, result.out) == (2, "")
    assert len(result.err.strip().splitlines()) == 1
    assert all(word in result.err for word in words)
    assert leftovers(tmp_path) == []


def test_a_damaged_record_is_named_and_the_rest_is_shown(ran: tuple[Outcome, Path]):
    _, out = ran
    damaged = next((out / "records").glob("*.json"))
    damaged.write_text(damaged.read_text()[:50])
    board = stbench("leaderboard", "--out", out, "--json")
    assert board.status == 1
    assert board.document["tables"]
    assert str(damaged) in board.err


def test_methods(quick: None, fixture_methods: Path):
    listed = stbench("methods", "--json")
    assert (listed.status, listed.err) == (0, "")
    names = {method["name"] for method in listed.document["methods"]}
    assert names >= {"mean", "knn", "ridge", "smooth", "depth", "depth-smooth", "sleepy"}
    assert listed.document["broken"] == {}
    card = stbench("methods", "ridge", "--json").document
    assert (card["name"], card["kind"]) == ("ridge", "floor")
    assert "ridge" in stbench("methods").out
    assert "penalty" in stbench("methods", "ridge").out


def test_datasets(quick: None, tmp_path: Path):
    slides.write_slides(tmp_path, ("A1", "B1"))
    listed = stbench("datasets", "--data-root", tmp_path, "--json")
    assert (listed.status, listed.err) == (0, "")
    on_disk = {dataset["name"]: dataset["on_disk"] for dataset in listed.document["datasets"]}
    assert on_disk["her2"] == "2 of 36 slides"
    assert on_disk["demo"] == "generated when first used"
    assert "her2" in stbench("datasets", "--data-root", tmp_path).out
    assert stbench("datasets", "show", "her2", "--json").document["n_slides"] == 36
    assert "invasive cancer, cancer in situ" in stbench("datasets", "show", "her2").out
    check = ("datasets", "check", "her2", "--data-root", tmp_path, "--to", tmp_path / "pictures", "--json")
    checked = stbench(*check)
    assert checked.status == 0
    (one, two, *others) = checked.document["slides"]
    # The real A1 and B1 are annotated, as the card says; these are not.
    assert (one["status"], one["spots"], two["slide"]) == ("WARN", 25, "B1")
    assert {row["status"] for row in others} == {"MISSING"}
    slides.write_counts(tmp_path, "A1", "")
    checked = stbench(*check)
    assert checked.status == 1
    assert [row["status"] for row in checked.document["slides"]].count("FAIL") == 1
    assert "A1" in checked.err


def test_a_dataset_that_nobody_may_download_says_where_it_is(quick: None, tmp_path: Path):
    result = stbench("datasets", "fetch", "her2", "--data-root", tmp_path)
    assert result.status == 2
    assert "github.com/almaan/her2st" in result.err
    lines = result.err.splitlines()
    assert [line[:2] for line in lines if line[:1].isdigit()] == ["1.", "2.", "3."]
    assert f"   {tmp_path}/her2st/data/ST-cnts/A1.tsv.gz" in lines
    assert stbench("datasets", "fetch", "her2", "--data-root", tmp_path, "--dry-run").err == result.err
    assert stbench("datasets", "fetch", "demo-tiny").status == 0


def test_encoders(quick: None):
    listed = stbench("encoders", "--json")
    assert (listed.status, listed.err) == (0, "")
    encoders = {encoder["name"]: encoder for encoder in listed.document["encoders"]}
    assert encoders["efficientnet_lite0"]["default"] is True
    assert encoders["efficientnet_lite0"]["width"] == 1280
    assert sum(encoder["default"] for encoder in encoders.values()) == 1
    assert "uni" in stbench("encoders").out


def test_doctor(quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    looked = stbench("doctor", "--data-root", tmp_path, "--json")
    findings = looked.document["findings"]
    assert looked.status == 0, findings
    assert all(finding.keys() == {"status", "subject", "found", "fix"} for finding in findings)
    assert all(finding["status"] in ("PASS", "WARN", "FAIL") for finding in findings)
    assert all(finding["fix"] for finding in findings if finding["status"] != "PASS")
    subjects = " ".join(finding["subject"] for finding in findings)
    for subject in ("device", "memory", "cache", "encoder", "plugins", "dataset her2", "mlflow"):
        assert subject in subjects
    (tmp_path / "file").touch()
    monkeypatch.setenv("STBENCH_CACHE", str(tmp_path / "file" / "cache"))
    looked = stbench("doctor", "--json")
    assert looked.status == 1
    assert [f["subject"] for f in looked.document["findings"] if f["status"] == "FAIL"] == ["cache"]
    words = stbench("doctor")
    assert words.status == 1
    assert "FAIL cache" in words.out
    assert "fix: set $STBENCH_CACHE" in words.out


def test_doctor_names_a_broken_plugin(quick: None, tmp_path: Path, plug_in: Callable[[Path], None]):
    (tmp_path / "methods" / "torn").mkdir(parents=True)
    (tmp_path / "methods" / "torn" / "__init__.py").touch()
    (tmp_path / "methods" / "torn" / "card.yaml").write_text("[")
    plug_in(tmp_path / "methods")
    looked = stbench("doctor", "--json")
    assert looked.status == 1
    assert any(f["subject"] == "plugin torn" and f["status"] == "FAIL" for f in looked.document["findings"])
    listed = stbench("methods")
    assert listed.status == 0
    assert "torn is broken and left out" in listed.err


def test_the_cache_is_shown_and_cleared_and_nothing_else_is(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
):
    empty = stbench("cache", "--json")
    assert (empty.status, empty.document) == (0, {"folder": str(cache), "rooms": []})
    assert stbench("cache", "clear").status == 0
    for name in ("embeddings", "patches", "generated", "hashes"):
        (cache / name).mkdir(parents=True)
        (cache / name / "file").write_bytes(b"12345")
    for mine in ("data", "holiday"):
        (cache / mine).mkdir()
        (cache / mine / "photo.jpg").touch()
    rooms = {room["kind"]: room for room in stbench("cache", "--json").document["rooms"]}
    assert rooms.keys() >= {"embeddings", "patches", "generated", "hashes"}
    assert rooms["patches"]["n_files"] == 1
    assert "embeddings" in stbench("cache").out
    assert json.loads(stbench("cache", "clear", "--json").out)["cleared"]
    assert not (cache / "embeddings").exists()
    assert (cache / "holiday" / "photo.jpg").exists(), (
        "$STBENCH_CACHE may be a folder that holds other things"
    )
    assert (cache / "data" / "photo.jpg").exists()
