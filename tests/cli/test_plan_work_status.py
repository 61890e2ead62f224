"""`stbench plan`, `work` and `status`: a run that any number of processes do together, and what is said of it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from plugins import slides
from plugins.command import Outcome, records, stbench, without_costs

from stbench.reporting.results.claims import Claims
from stbench.reporting.results.plan_files import PlanFiles
from stbench.reporting.results.trial_store import TrialStore

SLEEPY = Path(__file__).parents[1] / "plugins" / "methods" / "sleepy"
PAIRS, FOLDS = 6, 4


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return slides.write_slides(tmp_path / "data")


@pytest.fixture
def own_sleepy(tmp_path: Path, quick: None, plug_in: Callable[[Path], None]) -> Path:
    """A copy of sleepy that a test may edit."""
    shutil.copytree(SLEEPY, tmp_path / "methods" / "sleepy")
    plug_in(tmp_path / "methods")
    return tmp_path / "methods" / "sleepy"


def asked(data: Path, *more: object) -> tuple[object, ...]:
    settings = ("--set", "sleepy.seconds=0", "--slides", "A1,B1,C1,D1", "--genes", "highest", "--threads", 1)
    return ("--method", "sleepy", "--dataset", "her2", "--data-root", data, *settings, *more)


def plan(data: Path, out: Path, *more: object) -> Outcome:
    outcome = stbench("plan", *asked(data, "--device", "cpu", *more), "--out", out)
    assert outcome.status == 0, outcome.err
    return outcome


def status(out: Path) -> dict[str, dict]:
    return {row["row"]: row for row in stbench("status", "--out", out, "--json").document["rows"]}


def counts(row: dict) -> tuple[int, int, int, int]:
    return row["done"], row["running"], row["failed"], row["waiting"]


def test_a_plan_is_worked_off_and_is_what_a_run_would_have_been(own_sleepy: Path, data: Path, tmp_path: Path):
    out, other = tmp_path / "out", tmp_path / "other"
    assert "Start `stbench work --out" in plan(data, out).err
    assert counts(status(out)["sleepy"]) == (0, 0, 0, 2 * PAIRS + FOLDS)
    assert counts(status(out)["mean"]) == (0, 0, 0, FOLDS)
    worked = stbench("work", "--out", out, "--workers", 1)
    assert worked.status == 0 and "Nothing is left to do" in worked.err, worked.err
    after = status(out)["sleepy"]
    assert counts(after) == (2 * PAIRS + FOLDS, 0, 0, 0) and after["seconds_left"] == 0
    ran = stbench("run", *asked(data, "--device", "cpu"), "--out", other, "--workers", 1)
    assert TrialStore(out).names() == TrialStore(other).names()
    assert records(out).keys() == records(other).keys()
    tables = [stbench("leaderboard", "--out", folder, "--json").document for folder in (out, other)]
    assert ran.status == 0 and without_costs(tables[0]) == without_costs(tables[1])
    assert "Nothing is left to do" in stbench("work", "--out", out).err


def test_what_somebody_is_at_is_running_and_what_failed_is_failed(
    own_sleepy: Path, data: Path, tmp_path: Path
):
    out = tmp_path / "out"
    plan(data, out)
    (stored,) = PlanFiles(out).load_all()
    row = next(row for row in stored.rows if row.method == "sleepy")
    first, second, *_ = row.trials
    TrialStore(out).save(second, False, {"key": second})
    with Claims(out) as claims:
        assert claims.claim(first)
        assert counts(status(out)["sleepy"]) == (0, 1, 1, 2 * PAIRS + FOLDS - 2)
        assert stbench("status", "--out", out, "--json").document["workers"] == 1
        assert "1 at work" in stbench("status", "--out", out).out
    assert counts(status(out)["sleepy"]) == (0, 0, 1, 2 * PAIRS + FOLDS - 1)
    assert "nobody is at work" in stbench("status", "--out", out).out


def test_the_same_question_has_one_plan_and_another_has_its_own(own_sleepy: Path, data: Path, tmp_path: Path):
    out = tmp_path / "out"
    plan(data, out)
    plan(data, out)
    assert len(PlanFiles(out).load_all()) == 1
    plan(data, out, "--seeds", "0,1")
    assert len(PlanFiles(out).load_all()) == 2
    # Their inner trials are the same ones, the floors too; only the second seed's refits are new.
    rows = stbench("status", "--out", out, "--json").document["rows"]
    assert sum(row["waiting"] for row in rows if row["row"] == "sleepy") == 2 * PAIRS + 2 * FOLDS
    assert [counts(row) for row in rows if row["row"] == "mean"] == [(0, 0, 0, FOLDS)]
    assert stbench("work", "--out", out, "--workers", 1).status == 0
    assert len(TrialStore(out).names()[0]) == 2 * PAIRS
    assert len([r for r in records(out).values() if r["row"]["method"] == "sleepy"]) == 2 * FOLDS


def test_a_machine_with_another_source_or_other_slides_is_refused(
    own_sleepy: Path, data: Path, tmp_path: Path
):
    out = tmp_path / "out"
    plan(data, out)
    source = own_sleepy / "method.py"
    before = source.read_text()
    source.write_text(before + "\n# edited\n")
    assert_refused(out, "another source of sleepy than the plan was made with; install the same one here")
    source.write_text(before)
    slides.write_slide(data, "C1", seed=77)
    assert_refused(out, "other files of slide C1 than the plan was made with; copy the same ones here")
    shutil.rmtree(slides.counts_file(data, "C1").parent)
    outcome = stbench("work", "--out", out)
    assert outcome.status == 2 and len(refusal(outcome)) == 1, outcome.err


def test_a_machine_with_another_stbench_is_refused(own_sleepy: Path, data: Path, tmp_path: Path):
    out = tmp_path / "out"
    plan(data, out)
    file = next((out / "plans").glob("*.json"))
    (stored,) = PlanFiles(out).load_all()
    made = {**stored.made_from, "stbench": "0" * 16}
    rows = [
        row.model_copy(update={"trials": {k[::-1]: s for k, s in row.trials.items()}}) for row in stored.rows
    ]
    PlanFiles(out).save(stored.model_copy(update={"made_from": made, "rows": tuple(rows)}))
    assert_refused(out, "another stbench than the plan was made with; install the same one here")
    file.write_text(file.read_text()[:100])
    assert_refused(out, "is no plan that this version reads")


def test_without_a_plan_there_is_one_sentence(tmp_path: Path):
    for command in ("work", "status"):
        outcome = stbench(command, "--out", tmp_path / "nothing")
        assert outcome.status == 2 and "No plan lies under" in outcome.err
        assert len(refusal(outcome)) == 1


def test_a_plan_may_be_for_devices_that_this_machine_lacks(own_sleepy: Path, data: Path, tmp_path: Path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    out = tmp_path / "out"
    outcome = stbench("plan", *asked(data, "--device", "cuda"), "--out", out)
    assert outcome.status == 0, outcome.err
    refused = stbench("work", "--out", out)
    assert refused.status == 2 and "cuda" in refused.err


def test_status_loads_neither_torch_nor_mlflow(own_sleepy: Path, data: Path, tmp_path: Path):
    import subprocess

    plan(data, tmp_path / "out")
    code = (
        "import sys; sys.argv = ['stbench', 'status', '--out', sys.argv[1]]\n"
        "from stbench.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "print(sorted({'torch', 'mlflow', 'scanpy', 'pandas', 'scipy'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "out")], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def assert_refused(out: Path, said: str) -> None:
    outcome = stbench("work", "--out", out)
    assert outcome.status == 2 and said in outcome.err, outcome.err
    assert len(refusal(outcome)) == 1


def refusal(outcome: Outcome) -> list[str]:
    return [line for line in outcome.err.splitlines() if line.startswith("stbench: ")]
