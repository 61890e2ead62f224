"""A run that is killed or interrupted at any moment goes on when it is started again, as if nothing had been.

Its methods are fitted in sealed processes, of which none is left behind, unless a test needs their diary.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
from collections import Counter
from pathlib import Path

import psutil
import pytest
from plugins import slides
from plugins.command import Command, leftovers, records, stbench, without_costs

from stbench.evaluation.sealing.seal import possible_here

SECONDS = 0.15
RUN = (
    "run", "--method", "sleepy", "--dataset", "her2", "--seeds", "0,1", "--threads", 1, "--device", "cpu",
    "--slides", "A1,B1,C1,D1", "--genes", "highest", "--set", f"sleepy.seconds={SECONDS}",
)  # fmt: skip
N_RECORDS = 4 * 2 + 4  # four folds: two seeds of sleepy, one of mean


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return slides.write_slides(tmp_path_factory.mktemp("sound"))


def command(folder: Path, data: Path, *arguments: object, diary: Path | None = None) -> Command:
    """The run, its results in folder/out, as a process of its own."""
    environment = {"STBENCH_TEST_DIARY": str(diary)} if diary else {}
    where = ("--data-root", data, "--out", folder / "out")
    return Command(folder, *RUN, *where, *arguments, environment=environment)


def family_of(command: Command) -> list[psutil.Process]:
    """Workers, the processes that start trials, and the trials themselves."""
    return psutil.Process(command.process.pid).children(recursive=True)


def asleep(family: list[psutil.Process]) -> list[psutil.Process]:
    """The sealed processes in which a fit has begun: their diaries lie in their own folders."""
    found = []
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            folder = Path(process.cwd())
            if folder.name.startswith("stb-") and (folder / "diary").is_file():
                found.append(process)
    return found


def board(folder: Path) -> object:
    return without_costs(stbench("leaderboard", "--out", folder / "out", "--json").document)


def stamps(folder: Path) -> dict[str, int]:
    """When each whole record, prediction and truth was written."""
    files = [path for path in (folder / "out").rglob("[!.]*") if path.suffix in (".json", ".npz")]
    return {path.name: path.stat().st_mtime_ns for path in files}


def test_killed_at_any_moment_a_run_ends_with_the_undisturbed_table(
    data: Path, tmp_path: Path, quick: None, fixture_methods: Path
):
    (tmp_path / "calm").mkdir()
    (tmp_path / "wild").mkdir()
    calm = command(tmp_path / "calm", data)
    assert calm.outcome().status == 0
    wild, out = tmp_path / "wild", tmp_path / "wild" / "out"
    dice, kept = random.Random(), {}
    for _ in range(3):
        n_before = len(records(out))
        disturbed = command(wild, data)
        more = min(n_before + dice.randint(1, 3), N_RECORDS - 1)
        disturbed.wait_until(lambda more=more: len(records(out)) >= more)
        disturbed.process.join(dice.uniform(0, SECONDS))
        family = family_of(disturbed)
        assert family, "trials have processes of their own"
        disturbed.signal(signal.SIGKILL)
        disturbed.process.join()
        assert psutil.wait_procs(family, timeout=15)[1] == []
        assert all(stamps(wild)[name] == time for name, time in kept.items()), (
            "nothing finished is done again"
        )
        kept = stamps(wild)
    last = command(wild, data).outcome()
    assert last.status == 0, last.err
    assert all(stamps(wild)[name] == time for name, time in kept.items())
    assert len(records(out)) == N_RECORDS
    assert records(out).keys() == records(tmp_path / "calm" / "out").keys()
    assert board(wild) == board(tmp_path / "calm")
    assert {record["sealed"] for record in records(out).values()} == {str(possible_here())}


def test_nothing_is_fitted_twice(data: Path, tmp_path: Path, quick: None, fixture_methods: Path):
    diary = tmp_path / "diary"
    assert command(tmp_path, data, "--in-process", diary=diary).outcome().status == 0
    fits = Counter(diary.read_text().splitlines())
    # Four folds, three inner folds and two settings each; seeds share the inner loop.
    assert sum(n for fit, n in fits.items() if fit.startswith("tuning")) == 4 * 3 * 2
    assert all(fit.endswith("seed 0") for fit in fits if fit.startswith("tuning"))
    assert sum(n for fit, n in fits.items() if fit.startswith("refit")) == 4 * 2
    before = stamps(tmp_path)
    again = command(tmp_path, data, "--in-process", diary=diary).outcome()
    assert again.status == 0
    assert "0 fits to do of" in again.err
    assert Counter(diary.read_text().splitlines()) == fits
    assert stamps(tmp_path) == before


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_ctrl_c_says_how_to_go_on_and_the_next_run_finishes(
    workers: int, data: Path, tmp_path: Path, quick: None, fixture_methods: Path
):
    out = tmp_path / "out"
    stopped = command(tmp_path, data, "--workers", workers)
    assert stopped.wait_until(lambda: len(records(out)) >= 2)
    family = family_of(stopped)
    group = [process for process in family if os.getpgid(process.pid) == os.getpgid(stopped.process.pid or 0)]
    assert len(family) > len(group) >= (workers if workers > 1 else 0)
    for process in group:  # a terminal sends it to all of them
        os.kill(process.pid, signal.SIGINT)
    stopped.signal(signal.SIGINT)
    result = stopped.outcome(seconds=20)
    assert result.status == 130, result.err
    assert result.out == ""
    assert f"of {N_RECORDS} results are stored under {out}" in result.err
    assert "run the same command again to go on" in result.err
    assert "Traceback" not in result.err
    assert leftovers(out) == []
    assert not [process for process in group if process.is_running() and process.status() != "zombie"]
    assert psutil.wait_procs(family, timeout=15)[1] == []
    kept = records(out)
    assert 2 <= len(kept) < N_RECORDS
    finished = stbench(*RUN, "--data-root", data, "--out", out)
    assert finished.status == 0, finished.err
    assert f"[{N_RECORDS}/{N_RECORDS}]" in finished.err
    assert len(records(out)) == N_RECORDS
    assert all(records(out)[key] == record for key, record in kept.items())


@pytest.mark.slow
def test_workers_end_with_a_run_that_is_killed(
    data: Path, tmp_path: Path, quick: None, fixture_methods: Path
):
    killed = command(tmp_path, data, "--workers", 2, "--set", "sleepy.seconds=60", "--inner", "none")
    assert killed.wait_until(lambda: len(asleep(family_of(killed))) == 2)
    family = family_of(killed)
    assert len(family) >= 6, "two workers, what starts their trials, and these"
    killed.signal(signal.SIGKILL)
    killed.process.join()
    _, alive = psutil.wait_procs(family, timeout=15)
    assert alive == []
