"""Whatever a plugin does to its process, it does to that process alone: its rows say so, and all others stand."""

from __future__ import annotations

import os
import re
import shutil
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from plugins.command import Outcome, records, stbench

from stbench import registry

UNRULY = Path(__file__).resolve().parents[2] / "plugins" / "methods" / "unruly"
DESIGN = ["--dataset", "demo-tiny", "--genes", "highest", "--inner", "none", "--slides", "A1,B1", "--json"]
HARMLESS = ["default_dtype", "strict_warnings", "other_folder", "prints", "daemon"]
# What the row says, and whether a traceback goes with it.
FAILURES = {
    "exit": (r"its process ended itself \(exit code 0\)", False),
    "segfault": (r"its process died \(signal 11, Segmentation fault\)", True),
    "interrupt": (r"KeyboardInterrupt: no message", True),
    "own_base_exception": (r"_OwnError: nobody catches this", True),
    "memory_error": (r"MemoryError: no message", True),
    "nan_parameters": (r"Its number of trainable parameters is nan; it must be a whole number.*", True),
    "array_setting": (r"Its setting deed is no plain value, but a ndarray; .*", True),
    "notes_without_text": (r"The notes of its report must be texts; found a int\.", True),
    "long_message": (r"ValueError: long long .*", True),
    "unreadable_error": (r"_Unreadable: a message that cannot be read", True),
    "closes_files": (r"its process ended itself \(exit code 0\)", False),
    "kills_group": (r"its process died \(signal 9, Killed\); out of memory is the usual reason", False),
    "exit_at_import": (r"Plugin exit-at-import does not load: it calls sys\.exit\(0\)\.", True),
}
Run = Callable[..., tuple[Outcome, dict[str, list[dict[str, Any]]]]]


@pytest.fixture(autouse=True)
def few_spots(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """demo-tiny's slides have 9 spots and 24 genes: what happens to processes is the same on any data."""
    demo_tiny: Any = registry.load_dataset("demo-tiny")
    monkeypatch.setattr(demo_tiny, "design", demo_tiny.design._replace(grid=3, n_genes=24))


@pytest.fixture
def run(tmp_path: Path, plug_in: Callable[[Path], None]) -> Run:
    """Runs a plugin of each deed beside knn: how the command ended, and Records by method."""

    def call(deeds: Iterable[str], *more: object) -> tuple[Outcome, dict[str, list[dict[str, Any]]]]:
        for deed in deeds:
            shutil.copytree(UNRULY, tmp_path / "deeds" / deed, ignore=shutil.ignore_patterns("__pycache__"))
        plug_in(tmp_path / "deeds")
        methods = ",".join([*(deed.replace("_", "-") for deed in deeds), "knn"])
        outcome = stbench("run", "--method", methods, *DESIGN, "--out", tmp_path / "out", *more)
        found = defaultdict(list)
        for record in records(tmp_path / "out").values():
            found[record["row"]["method"].replace("-", "_")].append(record)
        return outcome, found

    return call


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterable[None]:
    """This process is as before, and of all that a test started only fork servers live, without a child."""
    folder, dtype = Path.cwd(), torch.get_default_dtype()
    yield
    assert (Path.cwd(), torch.get_default_dtype()) == (folder, dtype)
    assert not [kept for kept in warnings.filters if kept[0] == "error"]
    for process in psutil.Process().children():
        if "stbench.evaluation.trials.station" in process.cmdline():
            assert process.children(recursive=True) == []
    assert [p for p in psutil.process_iter(["name"]) if p.info["name"] == "stb-unruly"] == []


def assert_rows_stand(outcome: Outcome, found: dict[str, list[dict[str, Any]]], *methods: str) -> None:
    """These methods have a finished row a fold, and standard output is one document that holds them."""
    for method in methods:
        assert [record["failure"] for record in found[method]] == [None, None]
    rows = [row["method"] for table in outcome.document["tables"] for row in table["rows"]]
    assert {method.replace("_", "-") for method in methods} <= set(rows)


@pytest.mark.acceptance
def test_a_method_that_fails_in_any_way_takes_only_its_own_rows_with_it(run: Run):
    outcome, found = run(FAILURES)
    assert outcome.status == 1
    assert_rows_stand(outcome, found, "knn", "mean")
    for deed, (reason, traced) in FAILURES.items():
        assert len(found[deed]) == 2
        for record in found[deed]:
            assert re.fullmatch(reason, record["failure"]), (deed, record["failure"], record["trace"])
            assert len(record["failure"]) <= 2100
            assert bool(record["trace"]) or not traced, deed


@pytest.mark.acceptance
def test_what_a_method_does_to_its_process_stays_there(run: Run):
    outcome, found = run(HARMLESS)
    assert outcome.status == 0, [(r["failure"], r["trace"]) for rows in found.values() for r in rows]
    assert_rows_stand(outcome, found, "knn", "mean", *HARMLESS)
    assert "words 99" not in outcome.out and "words 99" in outcome.err
    notes = [note for deed in HARMLESS for record in found[deed] for note in record["notes"]]
    loaded_by = [int(note.rpartition(" ")[2]) for note in notes if note.startswith("loaded by")]
    assert os.getpid() not in loaded_by
    assert len(set(loaded_by)) == 2 * len(HARMLESS)  # a process each


@pytest.mark.acceptance
def test_a_method_that_hangs_is_ended_at_the_time_limit(run: Run):
    begun = time.monotonic()
    outcome, found = run(["hang"], "--time-limit", "0.05")
    assert outcome.status == 1 and time.monotonic() - begun < 60
    assert_rows_stand(outcome, found, "knn", "mean")
    words = "it took longer than the time limit of 0.05 minutes"
    assert [record["failure"] for record in found["hang"]] == [words] * 2


TELLER = '''"""Says in which process it was imported."""

import os

from stbench.contract import FitContext, Method

BORN = f"born in {os.getpid()}."
print(BORN)


class Teller(Method):
    def fit(self, train, queries=(), checkpoints=(), context=FitContext()):
        raise RuntimeError(BORN)

    def predict(self, slide):
        raise RuntimeError(BORN)


plugin = Teller
'''


@pytest.mark.acceptance
def test_no_command_imports_a_method_in_its_own_process(tmp_path: Path, plug_in: Callable[[Path], None]):
    folder = tmp_path / "methods" / "teller"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(TELLER)
    (folder / "card.yaml").write_text("title: Teller\nsummary: tells\nfamily: fixture\n")
    plug_in(folder.parent)
    on = ("--dataset", "demo-tiny", "--genes", "highest")
    commands = {
        "run": ("run", "--method", "teller", *on, "--inner", "none", "--slides", "A1,B1", "--out", tmp_path / "out"),
        "check": ("check", "teller"),
        "time": ("time", "--method", "teller", *on),
        "audit": ("audit", "--method", "teller", *on, "--out", tmp_path / "out"),
    }  # fmt: skip
    for name, command in commands.items():
        shown = stbench(*command)
        born = set(re.findall(r"born in (\d+)", shown.out + shown.err))
        assert born and str(os.getpid()) not in born, name


FORGER = '''"""Goes on telling of its progress for ever, or says that it is sealed more than it is."""


from stbench.contract import FitContext, FitReport, Method


class Forger(Method):
    def __init__(self, talks: bool = False):
        self.talks = talks

    def fit(self, train, queries=(), checkpoints=(), context=FitContext()):
        self.mean = train[0].expression.mean(axis=0)
        while self.talks:
            context.progress(1, 1)
        context.progress.__self__.say("sealed", "sealed in gold")
        return self.report_without_epochs(queries, context)

    def predict(self, slide):
        return self.mean + 0 * slide.pixel_xy[:, :1]


plugin = Forger
'''


@pytest.mark.acceptance
def test_one_that_never_stops_talking_is_ended_and_none_says_how_far_it_is_sealed(
    tmp_path: Path, plug_in: Callable[[Path], None]
):
    folder = tmp_path / "methods" / "forger"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(FORGER)
    (folder / "card.yaml").write_text("title: Forger\nsummary: forges\nfamily: fixture\n")
    plug_in(folder.parent)
    on = ("--dataset", "demo-tiny", "--genes", "highest", "--inner", "none", "--slides", "A1,B1")
    run = ("run", "--method", "forger", *on, "--out", tmp_path / "out")
    stbench(*run)
    assert stbench(*run, "--set", "talks=true", "--time-limit", 0.05).status == 1
    found = [r for r in records(tmp_path / "out").values() if r["row"]["method"] == "forger"]
    assert {"time limit" in (r["failure"] or "") for r in found if r["row"]["overrides"]} == {True}
    assert not any("gold" in r["sealed"] for r in found)
    assert all("no result" in r["failure"] for r in found if not r["row"]["overrides"])
