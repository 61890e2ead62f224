"""Wherever trials run, and whatever happens to whoever runs them, the table and the predictions are the same."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from cluster.one_node_slurm import OneNodeSlurm, wait_for
from cluster.runs import N_RECORDS, N_TRIALS, asked, assert_same, cluster_file, n_done, spans, waited
from plugins import slides
from plugins.command import Command

pytestmark = pytest.mark.cluster
SECONDS = 0.4


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return slides.write_slides(tmp_path_factory.mktemp("sound"))


@pytest.fixture(autouse=True)
def plugged_in(fixture_methods: Path, shared_cache: Path) -> None:
    """sleepy is a method, here and in what is started."""


def run(folder: Path, data: Path, out: Path, *more: object, seconds: float = SECONDS, slurm=None) -> Command:
    environment = slurm.environment if slurm else {}
    named = {name: environment[name] for name in ("SLURM_CONF", "PATH") if name in environment}
    return Command(folder, "run", *asked(data, seconds), "--out", out, *more, environment=named)


@pytest.fixture
def expected(tmp_path: Path, data: Path) -> Callable[[float], Path]:
    """The results folder of an undisturbed run in local workers, which sleep at the same time."""

    def make(seconds: float = SECONDS) -> Path:
        out = tmp_path / "expected"
        outcome = run(tmp_path, data, out, "--workers", 4, seconds=seconds).outcome()
        assert outcome.status == 0, outcome.err
        return out

    return make


def jobs_of(slurm: OneNodeSlurm, state: str = "RUNNING") -> list[str]:
    return [job.id for job in slurm.jobs() if job.state == state and "parsl" in job.name]


def workers_of(slurm: OneNodeSlurm) -> list[psutil.Process]:
    """The processes in which trials are conducted, of all jobs."""
    found = []
    for process in slurm.processes():
        try:
            if "process_worker_pool" in " ".join(process.cmdline()) and process.children():
                found += [c for c in process.children() if "station" not in " ".join(c.cmdline())]
        except psutil.NoSuchProcess:
            continue
    return found


def test_the_same_in_this_process_in_workers_on_slurm_and_by_two_that_work(
    slurm: OneNodeSlurm, data: Path, tmp_path: Path
) -> None:
    folders = {name: tmp_path / name for name in ("in-process", "workers", "slurm", "work")}
    assert run(tmp_path, data, folders["in-process"], "--in-process").outcome().status == 0
    assert run(tmp_path, data, folders["workers"], "--workers", 2).outcome().status == 0
    file = cluster_file(tmp_path, workers=2, jobs=1)
    outcome = run(tmp_path, data, folders["slurm"], "--cluster", file, slurm=slurm).outcome()
    assert outcome.status == 0, outcome.err
    planned = Command(tmp_path, "plan", *asked(data, SECONDS), "--out", folders["work"]).outcome()
    assert planned.status == 0, planned.err
    both = [Command(tmp_path, "work", "--out", folders["work"], "--workers", 1) for _ in range(2)]
    for outcome in [command.outcome() for command in both]:
        assert outcome.status == 0, outcome.err
    for name, out in folders.items():
        assert_same(folders["workers"], out, sealed=name != "in-process")
    for name in ("workers", "slurm", "work"):
        assert_two_at_once(folders[name])
    assert waited(lambda: not jobs_of(slurm))


def assert_two_at_once(out: Path) -> None:
    """Two workers came to results, and were at it at the same time."""
    of = spans(out)
    assert len({worker for worker, _, _ in of}) == 2
    assert any(a != b and began < ended and start < end for a, began, end in of for b, start, ended in of)


def test_a_run_outlives_its_workers_its_jobs_and_the_nodes_daemon(
    slurm: OneNodeSlurm, data: Path, tmp_path: Path, expected: Callable[..., Path]
) -> None:
    """kill -9 of a worker, scancel, the end of a walltime, kill -9 of slurmd, one after the other."""
    seconds, out = 2.5, tmp_path / "out"
    file = cluster_file(tmp_path, workers=1, jobs=2)
    command = run(tmp_path, data, out, "--cluster", file, seconds=seconds, slurm=slurm)
    waited(lambda: n_done(out) > 1, command)

    begun, before = time.monotonic(), n_done(out)
    workers_of(slurm)[0].kill()
    waited(lambda: n_done(out) > before + 1, command)
    assert time.monotonic() - begun < 30

    (gone, *_) = jobs_of(slurm)
    slurm.cancel(gone)
    waited(lambda: slurm.state(gone) == "CANCELLED", command)

    (late, *_) = waited(lambda: jobs_of(slurm), command)
    slurm.run("scontrol", "update", f"JobId={late}", "EndTime=now+1")
    slurm.kill_slurmd()
    slurm.start_slurmd()
    waited(lambda: slurm.state(late) in ("TIMEOUT", "COMPLETED"), command)

    outcome = command.outcome(seconds=180)
    assert outcome.status == 0, outcome.err
    assert_same(expected(seconds), out)


def test_a_killed_run_leaves_no_jobs_and_goes_on_when_it_is_started_again(
    slurm: OneNodeSlurm, data: Path, tmp_path: Path, expected: Callable[..., Path]
) -> None:
    out, file = tmp_path / "out", cluster_file(tmp_path, workers=2, jobs=1)
    command = run(tmp_path, data, out, "--cluster", file, slurm=slurm)
    waited(lambda: n_done(out) > 4, command)
    os.kill(command.process.pid or 0, signal.SIGKILL)
    command.process.join()
    assert wait_for(lambda: not jobs_of(slurm), 30)
    done = n_done(out)
    assert 4 < done < N_TRIALS + N_RECORDS
    outcome = run(tmp_path, data, out, "--cluster", file, slurm=slurm).outcome()
    assert outcome.status == 0, outcome.err
    assert_same(expected(), out)
