"""Records with the curves of their training: losses of the last fit, and the three scores of the inner loop.

Curves change no number. They are added here, and not in evaluation/, because its source is part of every result's key:
what was run before they were kept stays as good as it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stbench.errors import StbenchError
from stbench.evaluation.curves import Curves
from stbench.evaluation.executors import Workbench
from stbench.evaluation.listening import FitProgress
from stbench.evaluation.materials import Materials
from stbench.evaluation.plan import Job
from stbench.evaluation.runner import Refit, Runner
from stbench.evaluation.trials.benches import Bench, Ear
from stbench.evaluation.trials.trial import Trial, TrialResult
from stbench.evaluation.tuning import Loop
from stbench.evaluation.validation import SCORES
from stbench.files import hash_value
from stbench.record import TRAINING_LOSS, Record
from stbench.reporting.results.trial_store import TrialStore

# A Record stays small however long the training was.
MOST_POINTS = 200
_DIGITS = 6


@dataclass(frozen=True)
class LossKeepingBench(Workbench):
    """A workbench whose Records hold the losses of their fit."""

    def runner(self, materials: Materials, progress: FitProgress | None = None) -> Runner:
        """A Runner on those slides."""
        return _LossKeepingRunner(
            materials,
            _LossHearing(self.bench),
            self.provenance,
            self.unlabelled,
            self.tumour_labels,
            progress,
            self.made_from.check if self.made_from else None,
            self.states,
        )


class _LossHearing:
    """A bench that remembers the losses of its last trial."""

    def __init__(self, bench: Bench):
        self.bench = bench
        self.losses: tuple[float, ...] = ()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bench, name)

    def conduct(self, trial: Trial, ear: Ear) -> TrialResult:
        self.losses = ()
        result = self.bench.conduct(trial, ear)
        self.losses = result.facts.losses
        return result


class _LossKeepingRunner(Runner):
    def __init__(self, materials: Materials, bench: _LossHearing, *rest: Any):
        super().__init__(materials, bench, *rest)
        self._hearing = bench

    def refit(self, work: Refit) -> Record:
        self._hearing.losses = ()
        record, losses = super().refit(work), self._hearing.losses
        if not record.finished or not losses:
            return record
        return replace(record, curves={TRAINING_LOSS: thinned(range(1, len(losses) + 1), losses)})


def with_inner_curves(
    record: Record, job: Job, store: TrialStore, patients: Mapping[str, str | None]
) -> Record:
    """The Record of a job with the inner loop's scores of the settings that it was fitted with.

    As it is where nothing was chosen, the choice is not of epochs, or an inner trial cannot be read.
    """
    if not record.finished or not record.tuning or record.tuning["epochs"] is None:
        return record
    chosen = hash_value(record.tuning["settings"])
    setting = next((i for i, point in enumerate(job.settings) if hash_value(point) == chosen), None)
    if setting is None:
        return record
    try:
        found = _trials_of(job, setting, store)
    except StbenchError:
        return record
    return replace(record, curves={**record.curves, **inner_curves(job, setting, found, patients)})


def _trials_of(job: Job, setting: int, store: TrialStore) -> dict[str, Curves]:
    """The inner trials that judged one of a job's settings, by key."""
    return {
        trial.key: Curves.from_plain(store.load(trial.key))
        for judgement in job.judgements
        if setting in judgement.settings
        for trial in judgement.stages
    }


def inner_curves(
    job: Job, setting: int, found: Mapping[str, Curves], patients: Mapping[str, str | None]
) -> dict[str, Any]:
    """The three mean validation scores of a setting at each checkpoint, averaged as the inner loop averages them.

    setting  its position in the job;  found  the inner trials that judged it, by key;  patients  slide -> patient
    """
    others = {other: 0 for other in range(len(job.settings)) if other != setting}
    curves = {}
    for score in SCORES.values():
        for mean in Loop(job, found, score, patients, others).means():
            values = [float(value) if np.isfinite(value) else None for value in mean.values]
            curves[f"inner_{score}"] = thinned(mean.checkpoints, values)
    return curves


def thinned(epochs: Sequence[int], values: Sequence[float | None]) -> dict[str, Any]:
    """At most MOST_POINTS points of a curve, its first and last among them, and how many there were."""
    n_points = len(values)
    kept = np.linspace(0, n_points - 1, min(n_points, MOST_POINTS)).round().astype(int)
    return {
        "epochs": [int(epochs[place]) for place in kept],
        "values": [_rounded(values[place]) for place in kept],
        "n_points": n_points,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{_DIGITS}g}")
