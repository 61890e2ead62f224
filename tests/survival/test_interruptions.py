"""A run that is killed or interrupted at any moment goes on when it is started again, as if nothing had been.

Its methods are fitted in sealed processes, of which none is left behind, unless a test needs their diary.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from plugins import slides
from plugins.command import Command, leftovers, records, stbench, without_costs

from stbench.evaluation.sealing.seal import possible_here
from stbench.reporting.results.claims import STALE_SECONDS
from stbench.reporting.results.trial_store import TrialStore

SECONDS = 0.15
RUN = (
    "run", "--method", "sleepy", "--dataset", "her2", "--seeds", "0,1", "--threads", 1, "--device", "cpu",
    "--slides", "A1,B1,C1,D1", "--genes", "highest", "--set", f"sleepy.seconds={SECONDS}",
)  # fmt: skip
N_RECORDS = 4 * 2 + 4  # four folds: two seeds of sleepy, one of mean
N_TRIALS = 6 * 2  # six pairs of slides, two settings; seeds share them
NOTICED = 5.0  # seconds within which the death of a worker is noticed
# Less than a claim of unknown owner takes to become stale: whoever waited for a dead run's claims would take longer.
NO_WAIT = STALE_SECONDS * 0.75


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
    """When each whole inner trial, record, prediction and truth was written."""
    kinds = [folder / "out" / kind for kind in ("trials", "records", "predictions", "truths")]
    files = [path for kind in kinds for path in kind.rglob("[!.]*") if path.suffix in (".json", ".npz")]
    return {path.name: path.stat().st_mtime_ns for path in files}


def n_trials(folder: Path) -> int:
    return len(TrialStore(folder / "out").names()[0])


def n_stored(out: Path) -> int:
    """Records, by their files' names alone."""
    return len(list((out / "records").glob("[!.]*.json")))


def predictions(folder: Path) -> dict[str, str]:
    """Record -> hash of its predictions."""
    files = (folder / "out" / "predictions").glob("[!.]*.npz")
    return {file.stem: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def assert_same(one: Path, other: Path) -> None:
    """Both folders hold the same trials, records, predictions and table."""
    assert TrialStore(one / "out").names() == TrialStore(other / "out").names()
    assert records(one / "out").keys() == records(other / "out").keys()
    assert predictions(one) == predictions(other)
    assert board(one) == board(other)


def kill(command: Command) -> None:
    """End the run with kill -9; nothing that it has started is left behind."""
    family = family_of(command)
    command.signal(signal.SIGKILL)
    command.process.join()
    assert psutil.wait_procs(family, timeout=15)[1] == []


def found_in_time(look: Callable[[], list[psutil.Process]], seconds: float = 60) -> psutil.Process:
    """The first process that is found, waited for."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found[0]
        time.sleep(0.01)
    raise TimeoutError("no such process")


def workers_of(command: Command) -> list[psutil.Process]:
    """The worker processes of a run."""
    found = []
    for process in psutil.Process(command.process.pid).children():
        with contextlib.suppress(psutil.Error):
            if any("spawn_main" in word for word in process.cmdline()):
                found.append(process)
    return found


def test_killed_at_any_moment_a_run_ends_with_the_undisturbed_table(
    data: Path, tmp_path: Path, quick: None, fixture_methods: Path
):
    (tmp_path / "calm").mkdir()
    (tmp_path / "wild").mkdir()
    calm = command(tmp_path / "calm", data)
    assert calm.outcome().status == 0
    wild, out = tmp_path / "wild", tmp_path / "wild" / "out"
    dice, kept = random.Random(), {}
    for part in range(3):
        disturbed = command(wild, data)
        # In the inner trials twice, then among the refits.
        enough = (lambda: n_trials(wild) >= 3), (lambda: n_trials(wild) >= 8), (lambda: n_stored(out) >= 1)
        assert disturbed.wait_until(enough[part])
        disturbed.process.join(dice.uniform(0, SECONDS))
        kill(disturbed)
        assert all(stamps(wild)[name] == at for name, at in kept.items()), "nothing finished is done again"
        kept = stamps(wild)
    begun = time.monotonic()
    last = command(wild, data).outcome()
    assert time.monotonic() - begun < NO_WAIT, "a dead run's claims are free"
    assert last.status == 0, last.err
    assert all(stamps(wild)[name] == at for name, at in kept.items())
    assert (n_trials(wild), len(records(out))) == (N_TRIALS, N_RECORDS)
    assert_same(wild, tmp_path / "calm")
    assert {record["sealed"] for record in records(out).values()} == {str(possible_here())}


@pytest.mark.slow
def test_twenty_kills_of_the_run_and_of_what_it_started(
    data: Path, tmp_path: Path, quick: None, fixture_methods: Path
):
    calm, wild = tmp_path / "calm", tmp_path / "wild"
    calm.mkdir()
    wild.mkdir()
    assert command(calm, data, "--set", "sleepy.seconds=0.5").outcome().status == 0
    dice, kept, n_alive = random.Random(), {}, 0
    for number in range(20):
        disturbed = command(wild, data, "--set", "sleepy.seconds=0.5", "--workers", 1 + number % 2)
        disturbed.process.join(dice.uniform(0.5, 4))
        victims = family_of(disturbed) if disturbed.process.is_alive() else []
        if victims and number % 3 == 0:  # a worker, a station or a trial, and the run a little later
            with contextlib.suppress(psutil.NoSuchProcess):
                dice.choice(victims).kill()
            disturbed.process.join(dice.uniform(0, 1))
        n_alive += disturbed.process.is_alive()
        if disturbed.process.is_alive():
            kill(disturbed)
        assert all(stamps(wild)[name] == at for name, at in kept.items()), "nothing finished is done again"
        kept = stamps(wild)
    assert n_alive >= 5
    last = command(wild, data, "--set", "sleepy.seconds=0.5").outcome()
    assert last.status == 0, last.err
    assert all(stamps(wild)[name] == at for name, at in kept.items())
    assert_same(wild, calm)


@pytest.mark.parametrize("victim", ["trial", pytest.param("station", marks=pytest.mark.acceptance)])
def test_a_killed_trial_is_tried_again_and_its_method_is_not_blamed(
    victim: str, data: Path, tmp_path: Path, quick: None, fixture_methods: Path
):
    disturbed = command(tmp_path, data, "--seeds", "0")
    for _ in range(2):  # an inner trial, and another one or a refit
        n_before = n_trials(tmp_path)
        trial = found_in_time(lambda: asleep(family_of(disturbed)))
        (trial if victim == "trial" else trial.parent() or trial).kill()
        assert disturbed.wait_until(lambda n=n_before: n_trials(tmp_path) > n + 1)
    result = disturbed.outcome()
    assert result.status == 0, result.err
    assert "failed" not in result.err
    assert TrialStore(tmp_path / "out").names()[1] == set()
    assert [record["failure"] for record in records(tmp_path / "out").values()] == [None] * 8


@pytest.mark.acceptance
def test_a_workers_death_is_noticed_within_five_seconds(
    data: Path, tmp_path: Path, quick: None, fixture_methods: Path
):
    disturbed = command(tmp_path, data, "--workers", 2, "--set", "sleepy.seconds=1", "--seeds", "0")
    assert disturbed.wait_until(lambda: len(asleep(family_of(disturbed))) == 2)
    before = workers_of(disturbed)
    assert len(before) == 2
    begun = time.monotonic()
    before[0].kill()
    found_in_time(lambda: [process for process in workers_of(disturbed) if process not in before])
    taken = time.monotonic() - begun
    assert taken < NOTICED
    print(f"a worker's death was noticed within {taken:.2f} s")
    result = disturbed.outcome()
    assert result.status == 0, result.err
    assert "failed" not in result.err
    assert (n_trials(tmp_path), len(records(tmp_path / "out"))) == (N_TRIALS, 8)


def test_two_runs_at_once_share_the_work(data: Path, tmp_path: Path, quick: None, fixture_methods: Path):
    diary = tmp_path / "diary"
    both = [command(tmp_path, data, "--in-process", "--json", diary=diary) for _ in range(2)]
    one, other = [run.outcome() for run in both]
    assert (one.status, other.status) == (0, 0), one.err + other.err
    assert one.document == other.document
    fits = Counter(line.partition(" ")[0] for line in diary.read_text().splitlines())
    assert fits == {"tuning": N_TRIALS, "refit": 4 * 2}, "every trial is done once in all"
    assert len(records(tmp_path / "out")) == N_RECORDS
    assert [path for path in (tmp_path / "out" / "claims").rglob("*") if path.is_file()] == []
    shared = [sum(f"[{n}/{N_RECORDS}]" in run.err for n in range(1, N_RECORDS + 1)) for run in (one, other)]
    assert shared == [N_RECORDS] * 2, "both tell of all results"


def test_nothing_is_fitted_twice(data: Path, tmp_path: Path, quick: None, fixture_methods: Path):
    diary = tmp_path / "diary"
    assert command(tmp_path, data, "--in-process", diary=diary).outcome().status == 0
    fits = Counter(diary.read_text().splitlines())
    assert sum(n for fit, n in fits.items() if fit.startswith("tuning")) == N_TRIALS
    assert all(fit.endswith("seed 0") for fit in fits if fit.startswith("tuning"))
    assert sum(n for fit, n in fits.items() if fit.startswith("refit")) == 4 * 2
    before = stamps(tmp_path)
    again = command(tmp_path, data, "--in-process", diary=diary).outcome()
    assert again.status == 0
    assert f"0 trials to do of {N_TRIALS + N_RECORDS}" in again.err
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
    assert (
        f"of {N_RECORDS} results are stored under {out}, and {n_trials(tmp_path)} inner trials" in result.err
    )
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
