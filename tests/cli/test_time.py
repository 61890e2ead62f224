"""`stbench time`: one row per method whatever becomes of it, each from a process of its own."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from plugins import slides
from plugins.command import Command, Outcome, stbench

ROW = {
    "method", "variant", "seconds_per_epoch", "seconds_per_fit", "seconds_per_1000_spots", "peak_memory_mb",
    "parameters", "trainable_parameters", "flops_forward", "flops_epoch", "arithmetic_floor_seconds", "ratio",
    "n_spots", "n_train_spots", "n_genes", "device", "threads", "failed", "note",
}  # fmt: skip
SMALL = ("--set", "spahgc.hidden=16", "--set", "spahgc.heads=2", "--set", "spahgc.layers=2")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three slides of three patients."""
    return slides.write_slides(tmp_path_factory.mktemp("sound"), ("A1", "B1", "C1"))


def time(method: str, *arguments: object) -> Outcome:
    where = ("--threads", 1, "--device", "cpu", "--genes", "highest", "--n-genes", 20)
    return stbench("time", "--method", method, *where, *arguments)


def rows(result: Outcome) -> dict[str, dict]:
    document = result.document
    assert document.keys() == {"rows", "matrix_gflops"}
    assert all(row.keys() == ROW for row in document["rows"])
    return {row["method"]: row for row in document["rows"]}


def test_each_method_has_a_row_of_measured_values(quick: None):
    where = ("--dataset", "demo-tiny", "--slides", "C1,A1", "--epochs-timed", 1)
    result = time("spahgc,ridge", *where, *SMALL, "--json")
    assert result.status == 0, result.err
    found = rows(result)
    assert list(found) == ["spahgc", "ridge"]  # no floor joins
    spahgc, ridge = found["spahgc"], found["ridge"]
    floor = spahgc["flops_epoch"] / (result.document["matrix_gflops"] * 1e9)
    assert spahgc["arithmetic_floor_seconds"] == pytest.approx(floor)
    assert spahgc["ratio"] == pytest.approx(spahgc["seconds_per_epoch"] / floor)
    assert min(spahgc["flops_epoch"], spahgc["flops_forward"]) > 0
    assert ridge["seconds_per_epoch"] is ridge["ratio"] is spahgc["seconds_per_fit"] is None
    assert ridge["seconds_per_fit"] > 0
    for row in found.values():
        assert row["seconds_per_1000_spots"] > 0
        assert row["peak_memory_mb"] > 50
        assert row["parameters"] == row["trainable_parameters"] > 0
        assert (row["n_genes"], row["device"], row["threads"], row["failed"]) == (20, "cpu", 1, None)
    # The last slide given is predicted; a further one joins where a method needs it, and only there.
    assert ridge["note"] == "trained on C1, predicted A1"
    assert spahgc["note"].startswith("trained on C1, B1, predicted A1; B1 added, since it needs 2 training")
    assert spahgc["n_train_spots"] > ridge["n_train_spots"]


def faulty(data: Path, fault: str, *arguments: object, method: str = "faulty") -> Outcome:
    """Time a method that fails in that way."""
    where = ("--dataset", "her2", "--data-root", data, "--slides", "B1,C1,A1")
    return time(method, *where, "--set", f"faulty.fault={fault}", *arguments)


def test_a_table_for_people_shows_who_failed_and_all_the_others(
    data: Path, quick: None, fixture_methods: Path
):
    result = faulty(data, "raise", method="faulty,mean")
    assert result.status == 1
    assert "failed: RuntimeError: the [/red] graph [bold] has no edges" in result.out
    (line,) = [line for line in result.out.splitlines() if line.startswith("mean ")]
    assert any(character.isdigit() for character in line)
    for words in (
        "s/epoch",
        "s/1,000 spots",
        "peak MB",
        "mean: trained on B1, C1",
        "GFLOP/s",
        "cpu, 1 thread",
    ):
        assert words in result.out


@pytest.mark.parametrize(("fault", "reason"), [("exit", "it called sys.exit(3)"), ("killed", "signal 9")])
def test_a_method_that_ends_its_process_is_a_row_with_its_reason(
    fault: str, reason: str, data: Path, quick: None, fixture_methods: Path
):
    result = faulty(data, fault, "--json")
    assert result.status == 1
    row = rows(result)["faulty"]
    assert reason in row["failed"]
    assert reason in row["note"]
    assert row["seconds_per_1000_spots"] is row["n_spots"] is None


HOARDER = '''"""Fills memory while it is fitted, and prints."""

import numpy as np

from stbench.contract import FitContext, Method


class Hoarder(Method):
    def fit(self, train, queries=(), checkpoints=(), context=FitContext()):
        self.genes, self.hoard = train[0].expression.shape[1], np.ones((400, 1000, 1000), np.uint8)
        print("words of a plugin")
        return self.report_without_epochs(queries, context)

    def predict(self, slide):
        return np.zeros((slide.n_spots, self.genes))


plugin = Hoarder
'''


def test_one_method_does_not_inflate_the_memory_of_the_next(
    data: Path, quick: None, tmp_path: Path, plug_in: Callable[[Path], None]
):
    folder = tmp_path / "methods" / "hoarder"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(HOARDER)
    (folder / "card.yaml").write_text("title: Hoarder\nsummary: hoards\nfamily: fixture\n")
    plug_in(folder.parent)
    found = rows(time("hoarder,mean", "--dataset", "her2", "--data-root", data, "--json"))
    assert found["hoarder"]["peak_memory_mb"] > found["mean"]["peak_memory_mb"] + 350


REFUSED = {
    "method": (("--method", "rigde"), ("rigde", "ridge")),
    "no method": (("--method", ","), ("--method",)),
    "slide": (("--slides", "A1,B9"), ("B9",)),
    "one slide": (("--slides", "A1,A1"), ("two slides", "found 1 (A1)")),
    "no slide": (("--slides", ","), ("two slides",)),
    "threads": (("--threads", "0"), ("--threads", "0")),
    "no epoch": (("--epochs-timed", "0"), ("--epochs-timed", "0")),
    "device": (("--device", "gpu"), ("gpu", "cpu")),
    "panel": (("--genes", "train-hgv"), ("train-hgv", "train-hvg")),
    "no genes": (("--n-genes", "0"), ("--n-genes", "0")),
    "encoder": (("--encoder", "uin"), ("uin", "uni")),
    "preset": (("--method", "spahgc", "--variant", "papr"), ("papr", "paper")),
    "setting": (("--set", "penality=1"), ("penality", "penalty")),
    "setting of another method": (("--set", "knn.penalty=1"), ("knn", "ridge")),
    "text for a number": (("--set", "penalty=high"), ("high", "number")),
    "value out of range": (("--method", "spahgc", "--set", "hidden=0"), ("hidden is 0",)),
    "data root": (("--data-root", "nowhere"), ("nowhere", "--data-root")),
    "damaged slide": (("--slides", "C1,B1,D1"), ("D1", "whole numbers")),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "words"), REFUSED.values(), ids=REFUSED)
def test_bad_input_is_one_sentence(arguments: tuple, words: tuple, tmp_path: Path, quick: None):
    root = slides.write_slides(tmp_path / "data", ("A1", "B1", "C1", "D1"))
    text = slides.read_counts(root, "D1")
    slides.write_counts(root, "D1", text[: text.rindex("\t")] + "\tmany\n")
    result = time("ridge", "--dataset", "her2", "--data-root", root, "--slides", "A1,B1", *arguments)
    assert (result.status, result.out) == (2, ""), result.err
    assert sum(line.startswith("stbench: ") for line in result.err.splitlines()) == 1
    assert "bug" not in result.err
    assert all(word in result.err.strip().splitlines()[-1] for word in words), result.err


def test_an_interrupt_leaves_nobody_at_work(data: Path, quick: None, fixture_methods: Path, tmp_path: Path):
    where = (
        "--dataset",
        "her2",
        "--data-root",
        data,
        "--genes",
        "highest",
        "--threads",
        1,
        "--device",
        "cpu",
    )
    command = Command(tmp_path, "time", "--method", "sleepy", *where, "--set", "seconds=30")
    process = psutil.Process(command.process.pid)
    # The process that starts trials, and the trial.
    assert command.wait_until(
        lambda: len(process.children(recursive=True)) >= 2 and "sleepy" in command.err.read_text()
    )
    family = process.children(recursive=True)
    command.signal(signal.SIGINT)
    outcome = command.outcome()
    assert outcome.status == 130
    assert "Traceback" not in outcome.err
    _, alive = psutil.wait_procs(family, timeout=15)
    assert alive == []
