"""By what means a run's trials are worked off; none of it changes a result."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stbench import registry
from stbench.commands.asked import Asked
from stbench.errors import UsageError

if TYPE_CHECKING:
    from stbench.commands.listener import Listener
    from stbench.evaluation.cluster.cluster_file import Cluster
    from stbench.evaluation.trials.benches import Bench


@dataclass(frozen=True)
class Means:
    """Processes, devices and bounds, here or on a cluster.

    workers     processes, None for as many as there are cores and work for
    per_device  trials at a time on each CUDA device, None for as many of the largest as its memory holds
    time_limit  minutes that a trial may take
    in_process  conduct trials in this process, for a debugger; their rows say "not sealed"
    cluster     where trials run instead of here
    """

    workers: int | None = None
    per_device: int | None = None
    time_limit: float | None = None
    in_process: bool = False
    cluster: Cluster | None = None

    def check(self) -> None:
        """UsageError for what cannot be."""
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"--workers must be at least 1; found {self.workers}.")
        if self.time_limit is not None and not self.time_limit > 0:
            raise UsageError(f"--time-limit must be positive; found {self.time_limit:g}.")
        own = {"--workers": self.workers, "--per-device": self.per_device, "--in-process": self.in_process}
        given = [option for option, value in own.items() if value]
        if self.cluster is not None and given:
            raise UsageError(
                f"{given[0]} is about this machine; with --cluster the cluster file says how many trials."
            )

    @property
    def as_asked(self) -> int | None:
        """How many workers there have to be, None for as many as pay; for a debugger one, which is this process."""
        return self.workers or (1 if self.in_process else None)

    def fitting(self, asked: Asked) -> Asked:
        """What is asked for on the kind of device that a cluster's jobs have, where none was asked for."""
        if self.cluster is None or asked.device != "auto":
            return asked
        return asked.model_copy(update={"device": "cuda" if self.cluster.gpus else "cpu"})

    def bench(self, listener: Listener) -> Bench:
        """Where trials are conducted."""
        from stbench.evaluation.trials.benches import InProcessBench, SealedBench

        if self.in_process:
            return InProcessBench(registry.load_method)
        return SealedBench(None if self.time_limit is None else 60 * self.time_limit, listener.printed)


def cluster_of(file: Path | str | None) -> Cluster | None:
    """The cluster that a file describes; UsageError for a file that is none."""
    from stbench.evaluation.cluster.cluster_file import read_cluster_file

    return None if file is None else read_cluster_file(Path(file))
