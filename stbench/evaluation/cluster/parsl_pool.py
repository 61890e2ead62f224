"""Parsl's pool of workers as trials need it: lost nodes are noticed, refused jobs end the run, none is left over."""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stbench.errors import needs_package
from stbench.evaluation.cluster.cluster_file import Cluster
from stbench.evaluation.cluster.schedulers import check_scheduler, provider_of

if TYPE_CHECKING:
    from parsl.concurrent import ParslPoolExecutor

_HEARTBEATS = 8  # that a node may miss; a worker's death is noticed by the next
_MOST_STILLBORN = 3  # jobs in a row that end before a worker of theirs is heard of


class JobsRefused(RuntimeError):
    """The scheduler takes no job, or jobs end before their workers start."""


@contextlib.contextmanager
def parsl_pool(cluster: Cluster, folder: Path, threads: int) -> Iterator[ParslPoolExecutor]:
    """A pool of workers in the cluster's jobs; whatever ends it, no job is left in the queue.

    folder   where Parsl and the jobs write their logs;  threads  of a trial
    UsageError where there is no such scheduler or partition; MissingPackage without Parsl.
    """
    with needs_package("parsl", "--cluster", "The extra stbench[cluster] brings it."):
        from parsl.concurrent import ParslPoolExecutor
        from parsl.config import Config
    check_scheduler(cluster)
    logging.getLogger("parsl").propagate = False
    executor = _executor(cluster, threads)
    config = Config(
        executors=[executor],
        strategy="simple",
        strategy_period=1,
        retries=0,  # a lost trial goes back to the agenda, where others may take it up
        run_dir=str(folder),
        usage_tracking=0,
    )
    pool = ParslPoolExecutor(config)
    try:
        yield pool
    finally:
        _give_back_jobs(executor)
        with contextlib.suppress(
            Exception
        ):  # it says so in its log, and whatever ended the run is what matters
            pool.shutdown(wait=False)


def _executor(cluster: Cluster, threads: int) -> Any:
    from parsl.executors import HighThroughputExecutor

    launch = ["interchange.py"]
    if guard := shutil.which("setpriv"):
        # Ends with this process however it ends, and with it the jobs, which would wait for work until their walltime.
        launch = [guard, "--pdeathsig", "KILL", *launch]
    return HighThroughputExecutor(
        label="stbench",
        provider=provider_of(cluster, threads),
        address=cluster.address or ("127.0.0.1" if cluster.scheduler == "local" else None),
        max_workers_per_node=cluster.workers_of_job,
        available_accelerators=cluster.accelerators(),
        heartbeat_period=cluster.heartbeat_seconds,
        heartbeat_threshold=_HEARTBEATS * cluster.heartbeat_seconds,
        block_error_handler=_Stillborn(),
        interchange_launch_cmd=launch,
        encrypted=True,
    )


class _Stillborn:
    """Gives up where the scheduler refuses a job, or where several in a row end before a worker is heard of.

    One that was cancelled before it began is replaced. Parsl's own handler ends everything at the first, or never.
    """

    def __call__(self, executor: Any, status: Mapping[str, Any]) -> None:
        if executor.bad_state_is_set:
            return
        started = executor.blocks_to_job_id
        refused = [state for block, state in status.items() if block not in started and state.message]
        if refused:
            executor.set_bad_state_and_fail_all(JobsRefused(_last_line(refused[-1].message)))
            return
        ended = [status[block] for block in sorted(status, key=int) if block in started]
        last = [state for state in ended if state.state.name != "PENDING"][-_MOST_STILLBORN:]
        if len(last) == _MOST_STILLBORN and all(state.state.name == "MISSING" for state in last):
            words = f"{_MOST_STILLBORN} jobs in a row ended before their workers started"
            said = _last_line(last[-1].stderr_summary or last[-1].message or "")
            executor.set_bad_state_and_fail_all(JobsRefused(f"{words}: {said}" if said else words))


def _last_line(text: str) -> str:
    """The last line that says something; what Parsl says of a refusal ends with the scheduler's own words."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].rpartition("stderr=")[2].rstrip(".") if lines else ""


def _give_back_jobs(executor: Any) -> None:
    """Cancel the jobs that are left, also of an executor that has given up, whose jobs Parsl leaves alone."""
    jobs = list(executor.blocks_to_job_id.values())
    if jobs:
        with contextlib.suppress(Exception):  # the scheduler is not there any more
            executor.provider.cancel(jobs)
