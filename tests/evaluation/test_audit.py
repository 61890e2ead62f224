"""The audit catches methods that cheat on purpose, and lets honest ones pass."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from plugins.command import Outcome, QuickContext, stbench

from stbench.evaluation import audit as auditing
from stbench.evaluation.audit import PassResult, judge
from stbench.evaluation.file_watch import FileWatch


@pytest.fixture
def quick_passes(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each pass runs in a fresh process still, in one that need not load torch for five seconds first."""
    monkeypatch.setattr(auditing, "multiprocessing", SimpleNamespace(get_context=lambda name: QuickContext()))


def audit(method: str, genes: str = "highest") -> Outcome:
    return stbench("audit", "--method", method, "--dataset", "demo-tiny", "--genes", genes, "--json")


def verdict(result: Outcome) -> tuple[str, str]:
    """The verdict and the evidence as one text."""
    document = result.document
    assert document.keys() == {"method", "dataset", "verdict", "evidence"}
    assert result.status == (0 if document["verdict"] == "clean" else 1)
    return document["verdict"], "\n".join(document["evidence"])


CHEATS = {
    "finds-slide": "predictions for A1 change when its own expression is replaced by noise",
    "reads-root": "A1.npz",
    "remembers-path": "A1.npz",
    "remembers-slides": "predictions for A1 change when its own expression is replaced by noise",
    "writes-notes": "note-A1.npy (for writing)",
}


@pytest.mark.parametrize("method", CHEATS)
def test_a_method_that_cheats_is_caught(
    method: str,
    quick_passes: None,
    shared_cache: Path,
    fixture_methods: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("STBENCH_TEST_ORIGINALS", str(shared_cache / "generated"))
    found, evidence = verdict(audit(method))
    assert found == "leak"
    assert CHEATS[method] in evidence


def test_a_method_that_reads_the_data_while_it_is_loaded_is_caught(
    quick_passes: None, shared_cache: Path, fixture_methods: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("STBENCH_TEST_ORIGINALS", str(shared_cache / "generated"))
    monkeypatch.setenv("STBENCH_TEST_EARLY", "1")
    found, evidence = verdict(audit("remembers-path"))
    assert found == "leak"
    assert "A1.npz" in evidence


def test_a_method_without_a_seed_is_not_repeatable(quick_passes: None, fixture_methods: Path):
    found, evidence = verdict(audit("unseeded"))
    assert found == "not repeatable"
    assert "seed" in evidence


@pytest.mark.parametrize(
    "method",
    ["knn", "ridge", pytest.param("spahgc", marks=pytest.mark.slow)],
)
def test_an_honest_method_is_clean(method: str, quick_passes: None):
    found, evidence = verdict(audit(method, "train-hvg" if method == "ridge" else "highest"))
    assert (found, "identical bit for bit" in evidence) == ("clean", True), evidence


@pytest.mark.slow
def test_passes_run_in_fresh_processes(quick: None, fixture_methods: Path):
    """As a user runs it; what one process remembers is gone in the next."""
    found, _ = verdict(audit("remembers-slides"))
    assert found == "leak"


def test_a_method_that_fails_says_why(quick_passes: None, fixture_methods: Path):
    result = audit("faulty")
    assert (result.status, result.out) == (1, "")
    assert (
        result.err.strip()
        .splitlines()[-1]
        .startswith("stbench: faulty failed during the audit: RuntimeError")
    )


def test_too_few_slides_to_audit(quick: None):
    result = stbench("audit", "--method", "mean", "--dataset", "demo-tiny", "--slides", "A1,B1")
    assert result.status == 2
    assert "three slides" in result.err


# --- the parts -----------------------------------------------------------------------------------------------


def passed(value: float, *opened: str) -> PassResult:
    return PassResult({"A1": np.full((2, 2), value)}, list(opened))


def test_verdicts():
    assert judge(passed(1), passed(1), passed(1), []).verdict == "clean"
    assert judge(passed(1), passed(1), passed(2), []).verdict == "leak"
    assert judge(passed(1), passed(1), passed(1), ["x"]).verdict == "leak"
    assert judge(passed(1), passed(2), passed(3), []).verdict == "not repeatable"
    assert judge(passed(1), passed(2), passed(3), ["x"]).verdict == "leak"
    minus_zero = PassResult({"A1": np.full((2, 2), -0.0)}, [])
    assert judge(passed(0), passed(0), minus_zero, []).verdict == "leak", "bit for bit"


WATCHED = """
import os, sqlite3, subprocess, sys
from pathlib import Path
from stbench.evaluation.file_watch import FileWatch
folder = Path(sys.argv[1])
watch = FileWatch()
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


def test_only_files_below_a_folder(tmp_path: Path):
    watch = FileWatch()
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").touch()
    (tmp_path / "other").touch()
    with watch:
        (tmp_path / "a" / "file").read_text()
        (tmp_path / "other").read_text()
    assert watch.below([tmp_path / "a"]) == [str(tmp_path / "a" / "file")]
