"""The audit catches methods whose predictions depend on the truth, accuses no honest one, and keeps its verdict."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from plugins.command import Outcome, stbench

from stbench import registry
from stbench.commands.audit import _audited_jobs, _contestant
from stbench.commands.choosing import find_slides
from stbench.evaluation.audit import AuditCase, Pass, audit, judge
from stbench.evaluation.design import Design
from stbench.evaluation.plan import make_plan
from stbench.evaluation.trials.benches import InProcessBench


@pytest.fixture
def few_spots(monkeypatch: pytest.MonkeyPatch) -> None:
    """demo-tiny's slides have 9 spots and 24 genes: what is said of them costs a third as much, and is the same."""
    demo_tiny: Any = registry.load_dataset("demo-tiny")
    monkeypatch.setattr(demo_tiny, "design", demo_tiny.design._replace(grid=3, n_genes=24))


@pytest.fixture
def audited(quick: None, tmp_path: Path) -> Callable[..., Outcome]:
    """A function that audits a method as a user does."""

    def run(method: str, *more: object, slides: str = "A1,B1,C1", genes: str = "highest") -> Outcome:
        where = ("--dataset", "demo-tiny", "--slides", slides, "--genes", genes, "--out", tmp_path / "out")
        return stbench("audit", "--method", method, *where, *more, "--json")

    return run


def verdict(result: Outcome) -> tuple[str, str]:
    """The verdict and the evidence as one text."""
    document = result.document
    assert document.keys() == {"method", "dataset", "verdict", "evidence", "notes"}
    assert result.status == (0 if document["verdict"] == "clean" else 1)
    return document["verdict"], "\n".join(document["evidence"])


def in_this_process(method: str) -> tuple[str, str]:
    """The audit with all its trials in one process, as a machine would have them that shuts nothing in."""
    sources, _ = find_slides("demo-tiny", None)
    design = Design("demo-tiny", inner="2", genes="highest", n_genes=12, epochs=1, max_settings=1)
    jobs = make_plan(design, "", sources, [_contestant(method, {})], [0]).jobs
    case = AuditCase(design, tuple(sources), _audited_jobs(jobs, "slide"))
    found = audit(case, InProcessBench(registry.load_method))
    return found.verdict, "\n".join([*found.evidence, *found.notes])


def test_what_one_trial_keeps_for_the_next_is_seen_and_in_children_there_is_nothing_to_keep(
    few_spots: None, audited: Callable[..., Outcome], fixture_methods: Path
):
    """The third fold is audited, and its test slide trains in both folds before."""
    found, evidence = in_this_process("remembers-slides")
    assert found == "leak" and "predictions for C1 change" in evidence
    assert verdict(audited("remembers-slides"))[0] == "clean"


@pytest.mark.parametrize("how", [os.link, shutil.copy], ids=["link", "copy"])
def test_data_inside_a_plugins_own_folder_are_refused_by_name(
    how: Callable[..., Any], few_spots: None, audited: Callable[..., Outcome], plug_in, tmp_path: Path
):
    plug_in(tmp_path / "methods")
    assert stbench("new-method", "thief").status == 0
    (source, *_), _ = find_slides("demo-tiny", None)
    data = next(iter(source.files.values()))
    how(data, tmp_path / "methods" / "thief" / "weights.bin")
    found, evidence = verdict(audited("thief"))
    assert found == "leak" and "weights.bin" in evidence
    where = ("--dataset", "demo-tiny", "--inner", "none", "--out", tmp_path / "out")
    refused = stbench("run", "--method", "thief", *where)
    assert refused.status == 2 and "weights.bin" in refused.err


def test_a_method_without_a_seed_is_not_repeatable(
    few_spots: None, audited: Callable[..., Outcome], fixture_methods: Path
):
    found, evidence = verdict(audited("unseeded"))
    assert found == "not repeatable"
    assert "seed" in evidence


@pytest.mark.parametrize("method", ["ridge", pytest.param("knn", marks=pytest.mark.acceptance)])
def test_a_floor_is_clean(method: str, few_spots: None, audited: Callable[..., Outcome]):
    found, evidence = verdict(audited(method, genes="train-hvg" if method == "ridge" else "highest"))
    assert (found, "identical bit for bit" in evidence) == ("clean", True), evidence


# Every network made small enough to be audited within seconds; at full size: `pytest -m slow`.
SMALL: dict[str, dict[str, Any]] = {
    "bleep": {"width": 16, "micro_batch": 4, "accumulate": 2, "retrieved": 3},
    "cmrcnet": {
        "image_width": 16,
        "image_depth": 1,
        "image_heads": 2,
        "embedding_width": 16,
        "batch_size": 8,
    },
    "eggn": {"hidden": 16, "layers": 2},
    "hggep": {"depth": 1, "heads": 2, "head_width": 8, "lstm_layers": 1, "copies": 2},
    "hist2st": {"channels": 8, "kernel": 3, "depth": 2, "heads": 2, "head_width": 4, "copies": 2},
    "histogene": {"layers": 2, "width": 32, "heads": 2, "head_width": 16, "hidden": 64},
    "m2ost": {"width": 24, "depth": 1, "batch_size": 8},
    "mclstexp": {"embedding_width": 16, "layers": 1, "heads": 2, "head_width": 4, "batch_size": 8},
    "spahgc": {"hidden": 16, "layers": 2, "heads": 2},
    "stnet": {"batch_size": 6},
    "thitogene": {
        "layers": 1,
        "capsules": 3,
        "capsule_width": 8,
        "heads": 2,
        "head_width": 8,
        "hidden": 16,
    },
}
# No setting makes these networks smaller than DenseNet-121 or ResNet-50, nor their patches than 224 pixels. What is
# audited here is a copy of their source in which that one number is another, wherever it stands.
EDGE, SMALL_EDGE = "224", "32"
EDGE_STANDS_IN = {
    "bleep": {"method.py": "EDGE = {}\n", "card.yaml": "  patches: [{}]\n"},
    "mclstexp": {"method.py": "patch_pixels: int = {},\n", "card.yaml": "  patches: [{}]\n"},
    "stnet": {"method.py": "EDGE = {}\n", "card.yaml": "  patches: [{}]\n"},
}


def copy_of_small_patches(method: str, to: Path) -> str:
    """A copy of a shipped method below `to`, on patches of 32 pixels; its name."""
    folder = shutil.copytree(registry.find("method", method).folder, to / f"small_{method}")
    for file, line in EDGE_STANDS_IN[method].items():
        source = (folder / file).read_text()
        assert source.count(EDGE) == source.count(line.format(EDGE)) == 1, f"{method}/{file} has changed"
        (folder / file).write_text(source.replace(EDGE, SMALL_EDGE))
    return f"small-{method}"


def test_every_shipped_method_is_audited_by_one_of_these():
    shipped = {name for name in registry.plugins("method") if registry.method_card(name).kind == "method"}
    assert shipped == SMALL.keys()


@pytest.mark.acceptance
@pytest.mark.parametrize("method", SMALL)
def test_a_small_network_is_clean(
    method: str, few_spots: None, audited: Callable[..., Outcome], plug_in, tmp_path: Path
):
    name = method
    if method in EDGE_STANDS_IN:
        name = copy_of_small_patches(method, tmp_path / "methods")
        plug_in(tmp_path / "methods")
    settings = [("--set", f"{name}.{key}={value}") for key, value in SMALL[method].items()]
    found, evidence = verdict(audited(name, "--epochs", 1, *(word for pair in settings for word in pair)))
    assert found == "clean", evidence


@pytest.mark.slow
@pytest.mark.parametrize("method", SMALL)
def test_a_network_of_full_size_is_clean(method: str, audited: Callable[..., Outcome]):
    found, evidence = verdict(audited(method, "--epochs", 1))
    assert found == "clean", evidence


@pytest.mark.acceptance
def test_the_verdict_stands_at_the_row_until_the_source_is_another(
    quick: None, few_spots: None, plug_in, tmp_path: Path
):
    plug_in(tmp_path / "methods")
    assert stbench("new-method", "mine").status == 0
    where = (
        "--dataset",
        "demo-tiny",
        "--slides",
        "A1,B1,C1",
        "--genes",
        "highest",
        "--out",
        tmp_path / "out",
    )
    run = ("run", "--method", "mine", *where, "--inner", "none", "--json")

    def row(result: Outcome) -> dict[str, Any]:
        return {found["method"]: found for found in result.document["tables"][0]["rows"]}["mine"]

    before = row(stbench(*run))
    assert before["audited"] is None
    after = row(stbench(*run, "--audit"))
    assert after["audited"] == "clean" and after["pcc"] == before["pcc"]
    source = tmp_path / "methods" / "mine" / "method.py"
    source.write_text(source.read_text() + "\n# another\n")
    assert row(stbench(*run))["audited"] is None


def test_a_method_that_fails_says_why(audited: Callable[..., Outcome], fixture_methods: Path):
    result = audited("faulty", slides="B1,C1,A1")
    assert (result.status, result.out) == (1, "")
    last = result.err.strip().splitlines()[-1]
    assert last.startswith("stbench: faulty failed during the audit: RuntimeError")


def test_too_few_slides_to_audit(audited: Callable[..., Outcome]):
    result = audited("mean", slides="A1,B1")
    assert result.status == 2
    assert "three slides" in result.err


# --- the parts -----------------------------------------------------------------------------------------------

CASE: Any = SimpleNamespace(
    audited=("C1",), sources=[SimpleNamespace(files={"counts": Path("/data/C1.tsv")})]
)


@pytest.mark.parametrize(
    ("passes", "expected"),
    [("aaa", "clean"), ("aab", "leak"), ("aba", "not repeatable"), ("abc", "not repeatable")],
)
def test_verdicts(passes: str, expected: str):
    found = judge(*(Pass([one], {"sealed"}) for one in passes), case=CASE)
    assert found.verdict == expected


def on_a_card(*values: float, noted: bool) -> list[Pass]:
    """A pass for each value that its one prediction has beside a 1, made on a CUDA device."""
    notes = ["not repeatable on CUDA: no deterministic put_"] if noted else []
    return [Pass([str(value)], {"sealed"}, [np.array([[1.0, value]])], list(notes)) for value in values]


@pytest.mark.parametrize(
    ("values", "noted", "expected"),
    [
        ((0.5, 0.51, 0.49), True, "clean"),
        ((0.5, 0.51, 0.6), True, "leak"),
        ((0.5, 0.6, 0.5), True, "not repeatable"),
        ((0.5, 0.5001, 0.5), False, "not repeatable"),
        ((0.5, 0.5, 0.5001), False, "leak"),
    ],
)
def test_what_a_card_cannot_repeat_is_allowed_for_where_the_trials_say_so(
    values: tuple[float, ...], noted: bool, expected: str
):
    found = judge(*on_a_card(*values, noted=noted), case=CASE)
    assert found.verdict == expected
    if expected == "clean":
        assert "0.02 is allowed" in found.evidence[0] and "bit for bit" not in found.evidence[0]
        assert found.notes[0] == "not repeatable on CUDA: no deterministic put_"


def test_a_data_file_that_was_asked_for_is_evidence_only_where_it_could_be_read():
    passes = [Pass(["a"], {"sealed"})] * 3
    tried = judge(*passes, case=CASE, opened=["/data/C1.tsv", "/home/log"])
    assert tried.verdict == "clean" and any("was kept from it" in note for note in tried.notes)
    read = judge(*[Pass(["a"], {"not sealed"})] * 3, case=CASE, opened=["/data/C1.tsv", "/home/log"])
    assert read.verdict == "leak" and "/data/C1.tsv" in read.evidence[0]
    assert any("/home/log" in note for note in read.notes)


WATCHED = """
import os, sqlite3, subprocess, sys, tempfile
from pathlib import Path
from stbench.evaluation.trials.file_watch import FileWatch
folder = Path(sys.argv[1])
watch = FileWatch()
(folder / "private").mkdir()
tempfile.tempdir = str(folder / "private")
before = open(folder / "before")
with watch:
    open(folder / "plain").close()
    os.close(os.open(os.fsencode(folder / "bytes"), os.O_RDONLY))
    open(folder / "link.py").close()
    os.chdir(folder)
    Path("relative").read_text()
    os.chdir("/")
    (folder / "cache" / "embeddings" / "read.npy").read_bytes()
    (folder / "cache" / "embeddings" / "written.npy").write_bytes(b"")
    subprocess.run(["/usr/bin/env", "true"])
    sqlite3.connect(folder / "base.db").close()
    import colorsys
    open(os.devnull, "w").close()
    before.read()
    (folder / "private" / "note").write_text("x")
open(folder / "after").close()
print("\\n".join(watch.reported()))
"""


def test_what_the_watch_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Audit hooks stay for a process's life, so this one is watched in a process of its own."""
    monkeypatch.setenv("STBENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache" / "embeddings").mkdir(parents=True)
    (tmp_path / "cache" / "embeddings" / "read.npy").touch()
    for name in ("before", "plain", "bytes", "relative", "after", "counts.tsv"):
        (tmp_path / name).touch()
    (tmp_path / "link.py").symlink_to(tmp_path / "counts.tsv")
    run = subprocess.run(
        [sys.executable, "-B", "-c", WATCHED, str(tmp_path)], capture_output=True, text=True, check=True
    )
    reported = {line.replace(f"{tmp_path}/", "") for line in run.stdout.splitlines()}
    assert reported == {
        "plain",
        "bytes",
        "relative",
        "counts.tsv",
        "cache/embeddings/written.npy (for writing)",
        "another process: /usr/bin/env",
        "sqlite database base.db",
    }
