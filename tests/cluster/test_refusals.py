"""What a person is told where a cluster cannot do what its file asks: one sentence, nothing lost, nothing left."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cluster.one_node_slurm import OneNodeSlurm, wait_for
from cluster.runs import asked, cluster_file, n_done, waited
from plugins import slides
from plugins.command import Command, Outcome

pytestmark = pytest.mark.cluster
SLEEPY = Path(__file__).parents[1] / "plugins" / "methods" / "sleepy"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return slides.write_slides(tmp_path / "data")


@pytest.fixture(autouse=True)
def own_sleepy(tmp_path: Path, shared_cache: Path, plug_in: Callable[[Path], None]) -> Path:
    """A copy of sleepy that a test may edit."""
    shutil.copytree(SLEEPY, tmp_path / "methods" / "sleepy")
    plug_in(tmp_path / "methods")
    return tmp_path / "methods" / "sleepy"


def run(slurm: OneNodeSlurm, folder: Path, data: Path, file: Path, seconds: float = 0.1) -> Command:
    named = {name: slurm.environment[name] for name in ("SLURM_CONF", "PATH")}
    arguments = ("run", *asked(data, seconds), "--out", folder / "out", "--cluster", file)
    return Command(folder, *arguments, environment=named)


def assert_one_sentence(outcome: Outcome, said: str) -> None:
    assert outcome.status == 2, outcome.err
    (sentence,) = [line for line in outcome.err.splitlines() if line.startswith("stbench: ")]
    assert said in sentence, outcome.err
    assert "Traceback" not in outcome.err


def test_a_partition_that_does_not_exist_is_named_before_anything_starts(slurm, data: Path, tmp_path: Path):
    outcome = run(slurm, tmp_path, data, cluster_file(tmp_path, queue="nowhere")).outcome()
    assert_one_sentence(outcome, "Slurm has no partition 'nowhere'; there are: other, short.")
    assert not slurm.jobs() or all(job.name != "parsl" for job in slurm.jobs())


def test_what_the_scheduler_refuses_is_said_in_its_own_words(slurm, data: Path, tmp_path: Path):
    file = cluster_file(tmp_path, options='["--gres=gpu:9"]')
    outcome = run(slurm, tmp_path, data, file).outcome()
    assert_one_sentence(
        outcome,
        "The cluster does no more trials: sbatch: error: Invalid generic resource (gres) specification.",
    )


def test_jobs_that_end_before_their_workers_start_end_the_run(slurm, data: Path, tmp_path: Path):
    file = cluster_file(tmp_path, worker_init="echo no such module >&2; exit 1")
    outcome = run(slurm, tmp_path, data, file).outcome()
    assert_one_sentence(outcome, "3 jobs in a row ended before their workers started")
    assert "no such module" in outcome.err
    assert wait_for(lambda: not [job for job in slurm.jobs() if job.state in ("RUNNING", "PENDING")], 30)


def test_a_source_that_is_edited_meanwhile_is_refused_and_what_is_stored_is_kept(
    slurm, data: Path, tmp_path: Path, own_sleepy: Path
):
    command = run(slurm, tmp_path, data, cluster_file(tmp_path, workers=2), seconds=1.0)
    waited(lambda: n_done(tmp_path / "out") > 1, command)
    before = n_done(tmp_path / "out")
    time.sleep(0.01)
    with (own_sleepy / "method.py").open("a") as source:
        source.write("\n# edited\n")
    outcome = command.outcome()
    assert_one_sentence(outcome, "The source of sleepy changed after this run was planned")
    assert n_done(tmp_path / "out") >= before
