"""The file that says which cluster trials run on; a mistyped key or value is an error of one sentence."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stbench.errors import UsageError
from stbench.typed_yaml import read_keys

Scheduler = Literal["slurm", "pbs", "lsf", "sge", "kubernetes", "local"]


class Cluster(BaseModel):
    """Jobs that wait for trials, each with some workers; the file's keys.

    scheduler          who starts jobs; `local` starts them on this machine, to try a file out
    jobs               at most so many at a time
    workers            trials at a time in one job, on CPUs;  gpus, workers_per_gpu  instead, on its GPUs
    cores, memory_gb   of one job; cores are one a worker and thread unless said
    walltime           of one job, hours:minutes:seconds; a trial that it ends is done again in the next
    queue              Slurm's partition, else the queue;  account, qos  as the scheduler calls them
    options            further lines for the scheduler, as they stand in a job's script
    worker_init        shell lines before the workers start: what makes `stbench` run there
    address            the name by which compute nodes reach this machine, found out unless said
    heartbeat_seconds  a worker's death is noticed by the next heartbeat; a node that is silent for eight of them is
                       lost, and its trials are done again
    image, namespace, volumes     of Kubernetes: the container, and claim -> where it is mounted
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    scheduler: Scheduler
    jobs: int = Field(1, ge=1)
    workers: int = Field(1, ge=1)
    gpus: int = Field(0, ge=0)
    workers_per_gpu: int = Field(1, ge=1)
    cores: int | None = Field(None, ge=1)
    memory_gb: int | None = Field(None, ge=1)
    walltime: str = Field("04:00:00", pattern=r"^\d+:[0-5]\d:[0-5]\d$")
    queue: str | None = None
    account: str | None = None
    qos: str | None = None
    options: tuple[str, ...] = ()
    worker_init: str = ""
    address: str | None = None
    heartbeat_seconds: int = Field(5, ge=1)
    image: str | None = None
    namespace: str = "default"
    volumes: dict[str, str] = {}

    @model_validator(mode="after")
    def _fits_together(self) -> Cluster:
        if self.gpus and "workers" in self.model_fields_set:
            raise ValueError("workers counts trials on CPUs; with gpus, write workers_per_gpu instead")
        if self.scheduler == "kubernetes" and not self.image:
            raise ValueError("kubernetes needs an image that holds stbench")
        return self

    @property
    def workers_of_job(self) -> int:
        """Trials at a time in one job."""
        return self.gpus * self.workers_per_gpu if self.gpus else self.workers

    @property
    def workers_in_all(self) -> int:
        """Trials at a time when all jobs run."""
        return self.jobs * self.workers_of_job

    def accelerators(self) -> list[str]:
        """For each worker of a job the GPU that it sees, as CUDA counts them; none without GPUs."""
        return [str(gpu) for gpu in range(self.gpus) for _ in range(self.workers_per_gpu)]


def read_cluster_file(path: Path) -> Cluster:
    """The file's cluster; UsageError, one sentence, for what it is not."""
    given = read_keys(path, f"--cluster {path}", "the least is: scheduler: slurm")
    try:
        return Cluster.model_validate(given)
    except ValidationError as error:
        raise UsageError(f"--cluster {path}: {_in_words(error)}.") from error


def _in_words(error: ValidationError) -> str:
    """The first thing that is wrong."""
    fault: Any = error.errors(include_url=False)[0]
    key = ".".join(map(str, fault["loc"]))
    if fault["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, Cluster.model_fields, n=1)
        known = f"did you mean {near[0]}?" if near else f"there are {', '.join(Cluster.model_fields)}"
        return f"there is no key {key!r}; {known}".rstrip("?") + ("?" if near else "")
    if fault["type"] == "missing":
        return f"{key} is missing"
    if key == "walltime":
        return f"walltime {fault['input']!r} is not hours:minutes:seconds such as 04:00:00"
    words = fault["msg"].removeprefix("Value error, ")
    return f"{key} is {fault['input']!r}: {words[:1].lower()}{words[1:]}" if key else words
