"""A run that is ready to start, and what of it lies there already."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stbench.commands.asked import Asked
from stbench.contract import DatasetCard, SlideSource, UnmeasuredSlide
from stbench.evaluation.contestant import Contestant
from stbench.evaluation.design import Design
from stbench.evaluation.inner_trials import InnerTrial
from stbench.evaluation.plan import Job, Plan, inner_trials
from stbench.record import Record
from stbench.reporting.results.store import RunStore
from stbench.reporting.results.trial_store import TrialStore


@dataclass(frozen=True)
class PreparedRun:
    """A run that is ready to start: what was asked, its design, slides, plan and store.

    missing     slides of the dataset that are not complete on disk, and what they lack
    unmeasured  slides that have no expression, and are left out for that
    """

    asked: Asked
    design: Design
    card: DatasetCard
    sources: tuple[SlideSource, ...]
    missing: Mapping[str, str]
    contestants: tuple[Contestant, ...]
    plan: Plan
    store: RunStore
    overwrite: bool = False
    unmeasured: tuple[UnmeasuredSlide, ...] = ()

    @property
    def keys(self) -> set[str]:
        """Keys of all Records that the plan asks for."""
        return {key for job in self.plan.jobs for key in job.keys.values()}

    @property
    def patients(self) -> dict[str, str | None]:
        """slide -> patient"""
        return {source.id: source.patient for source in self.sources}

    @property
    def trials(self) -> TrialStore:
        """Where inner trials lie, those of other runs too."""
        return TrialStore(self.store.out)

    def pending(self) -> list[Job]:
        """The jobs, or the seeds of jobs, that the store does not hold yet."""
        finished = set() if self.overwrite else self.finished()
        pending = []
        for job in self.plan.jobs:
            seeds = [seed for seed, key in job.keys.items() if key not in finished]
            if seeds:
                pending.append(job.for_seeds(seeds))
        return pending

    def trials_to_do(self, pending: Sequence[Job]) -> dict[str, InnerTrial]:
        """The inner trials that pending jobs wait for and that do not lie there finished, by key."""
        done = set() if self.overwrite else self.trials.names()[0]
        return {key: trial for key, trial in inner_trials(pending).items() if key not in done}

    @property
    def n_inner_stored(self) -> int:
        """Inner trials of this plan that lie there finished."""
        return len(inner_trials(self.plan.jobs).keys() & self.trials.names()[0])

    def records(self) -> list[Record]:
        """What the store holds of this plan."""
        keys = self.keys
        return [record for record in self.store.records()[0] if record.key in keys]

    def where_mlflow_is(self) -> str:
        """The server that results are logged to, or the command that shows the database beside them; "" without one."""
        from stbench.reporting.mlflow.tracking import MlflowTracker

        out = self.store.out
        server = MlflowTracker(out).name
        if server != "local":
            return server
        # In that folder, from where the database's paths to files go.
        return f"cd {shlex.quote(str(out))} && mlflow ui" if (out / "mlflow.db").is_file() else ""

    def finished(self) -> set[str]:
        """Keys of Records of this plan that need not be made again: finished, with all their files."""
        return {key for key in self.keys & self.store.names() if self.store.has_finished(key)}
