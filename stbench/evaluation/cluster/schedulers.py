"""The scheduler that a cluster file names: whether it is there, and Parsl's provider of jobs by it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from typing import Any

from stbench.errors import MissingPackage, UsageError
from stbench.evaluation.cluster.cluster_file import Cluster

_PROGRAMS = {
    "slurm": ("sbatch", "squeue", "scancel"),
    "pbs": ("qsub", "qstat", "qdel"),
    "lsf": ("bsub", "bjobs", "bkill"),
    "sge": ("qsub", "qstat", "qdel"),
}
# Of a line that the scheduler itself reads in a job's script.
_PREFIX = {"slurm": "#SBATCH", "pbs": "#PBS", "lsf": "#BSUB", "sge": "#$"}
_ANSWER_SECONDS = 30


def check_scheduler(cluster: Cluster) -> None:
    """UsageError, one sentence, where the scheduler is not there, does not answer, or has no such partition."""
    absent = [name for name in _PROGRAMS.get(cluster.scheduler, ()) if shutil.which(name) is None]
    if absent:
        raise UsageError(
            f"--cluster asks for {cluster.scheduler}, and this machine has no {', '.join(absent)}: start the run where "
            "jobs are submitted."
        )
    if cluster.scheduler == "slurm":
        _check_partition(cluster)


def _check_partition(cluster: Cluster) -> None:
    command = ["sinfo", "--noheader", "--format=%R"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        raise UsageError(
            f"Slurm does not answer within {_ANSWER_SECONDS} s: see whether sinfo does."
        ) from None
    if done.returncode:
        raise UsageError(f"Slurm does not answer: {' '.join(done.stderr.split()).rstrip('.')}.")
    partitions = sorted(set(done.stdout.split()))
    wanted = [name for name in (cluster.queue or "").split(",") if name]
    unknown = [name for name in wanted if name not in partitions]
    if unknown:
        raise UsageError(f"Slurm has no partition {unknown[0]!r}; there are: {', '.join(partitions)}.")


def provider_of(cluster: Cluster, threads: int) -> Any:
    """Parsl's provider of the file's jobs.

    threads  of a trial
    MissingPackage for Kubernetes without its package.
    """
    from parsl import providers
    from parsl.errors import OptionalModuleMissing

    name, blocks = cluster.scheduler, {"init_blocks": 1, "min_blocks": 0, "max_blocks": cluster.jobs}
    common: dict[str, Any] = {**blocks, "worker_init": cluster.worker_init}
    cores = cluster.cores or cluster.workers_of_job * threads
    if name == "local":
        return providers.LocalProvider(**common)
    if name == "kubernetes":
        try:
            return providers.KubernetesProvider(**common, **_of_pods(cluster, cores))
        except OptionalModuleMissing:
            raise MissingPackage("kubernetes", "--cluster with the scheduler kubernetes") from None
    common |= {"walltime": cluster.walltime, "scheduler_options": "\n".join(_lines(cluster))}
    if name == "slurm":
        return _quick_slurm()(
            partition=cluster.queue, account=cluster.account, qos=cluster.qos, cores_per_node=cores,
            mem_per_node=cluster.memory_gb, gpus_per_node=cluster.gpus or None, exclusive=False, **common,
        )  # fmt: skip
    if name == "pbs":
        return providers.PBSProProvider(
            account=cluster.account, queue=cluster.queue, cpus_per_node=cores, select_options=_of_pbs(cluster),
            **common,
        )  # fmt: skip
    if name == "lsf":
        return providers.LSFProvider(
            project=cluster.account,
            queue=cluster.queue,
            cores_per_block=cores,
            request_by_nodes=False,
            **common,
        )
    return providers.GridEngineProvider(queue=cluster.queue, **common)


def _quick_slurm() -> type:
    """Slurm's provider, asking for its jobs' states often enough to see that one is gone while Slurm still knows it."""
    from parsl.providers import SlurmProvider

    class QuickSlurm(SlurmProvider):
        @property
        def status_polling_interval(self) -> int:
            return 10

    return QuickSlurm


def _lines(cluster: Cluster) -> Sequence[str]:
    """What else stands in a job's script; a job that was ended is not queued again, another is asked for."""
    own = ["--no-requeue"] if cluster.scheduler == "slurm" else []
    if cluster.scheduler == "lsf" and cluster.gpus:
        own.append(f'-gpu "num={cluster.gpus}"')
    prefix = _PREFIX[cluster.scheduler]
    return [line if line.startswith(prefix) else f"{prefix} {line}" for line in (*own, *cluster.options)]


def _of_pbs(cluster: Cluster) -> str:
    wanted = {"ngpus": cluster.gpus or None, "mem": f"{cluster.memory_gb}gb" if cluster.memory_gb else None}
    return ":".join(f"{name}={value}" for name, value in wanted.items() if value)


def _of_pods(cluster: Cluster, cores: int) -> dict[str, Any]:
    memory = f"{cluster.memory_gb or 8}Gi"
    gpus = {"nvidia.com/gpu": str(cluster.gpus)} if cluster.gpus else None
    return {
        "image": cluster.image, "namespace": cluster.namespace, "init_cpu": cores, "max_cpu": cores,
        "init_mem": memory, "max_mem": memory, "extra_limits": gpus,
        "persistent_volumes": list(cluster.volumes.items()),
    }  # fmt: skip
