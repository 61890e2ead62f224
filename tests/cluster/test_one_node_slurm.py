"""The tests' own Slurm behaves as a cluster does: jobs run, are cancelled, and nothing of it is left behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from cluster.one_node_slurm import Job, OneNodeSlurm, SlurmError, wait_for

pytestmark = pytest.mark.cluster


def ends_as(slurm: OneNodeSlurm, job: str, state: str, seconds: float = 20) -> bool:
    """Whether the job reaches a state in time."""
    return wait_for(lambda: slurm.state(job) == state, seconds)


def test_a_job_runs_and_leaves_its_output(slurm: OneNodeSlurm, tmp_path: Path) -> None:
    output = tmp_path / "output"
    job = slurm.submit("echo on $SLURM_JOB_PARTITION", f"--output={output}", "--job-name=speaks")
    assert ends_as(slurm, job, "COMPLETED")
    assert output.read_text() == "on short\n"
    assert Job(job, "COMPLETED", "speaks") in slurm.jobs()


def test_a_cancelled_job_ends(slurm: OneNodeSlurm) -> None:
    job = slurm.submit("sleep 600", "--partition=other")
    assert ends_as(slurm, job, "RUNNING")
    slurm.cancel(job)
    assert ends_as(slurm, job, "CANCELLED")


def test_a_partition_that_does_not_exist_is_refused(slurm: OneNodeSlurm) -> None:
    with pytest.raises(SlurmError, match="invalid partition specified: nowhere"):
        slurm.submit("true", "--partition=nowhere")


def test_nothing_is_left_running_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), OneNodeSlurm(tmp_path / "slurm") as slurm:
        job = slurm.submit("sleep 600")
        assert ends_as(slurm, job, "RUNNING")
        slurm.kill_slurmd()  # so that no daemon can end the job
        raise ZeroDivisionError
    assert wait_for(lambda: not slurm.processes(), 5)
