"""The inner loop's choice: which setting and how many epochs, by what was judged on slides of the training set only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np

from stbench.evaluation.curves import Curves
from stbench.evaluation.plan import Job, Judgement
from stbench.evaluation.trials.trial import least_sealed

# setting, by its position in the job -> how many stages of its fits count; all of them where it is absent
Asked = Mapping[int, int]


@dataclass(frozen=True)
class Tuning:
    """What the inner loop found.

    settings  the winning settings;  epochs  the winning number of epochs, None where a curve has one point only
    score     the winning mean validation score
    at_cap    the winner trained as long as it was allowed to: more epochs might have won
    curves    per setting tried, the mean validation curve and its checkpoints
    """

    settings: Mapping[str, Any]
    epochs: int | None
    score: float
    at_cap: bool
    curves: tuple[Mapping[str, Any], ...] = field(default=())

    def to_plain(self) -> dict[str, Any]:
        return asdict(self)


class Choice(NamedTuple):
    """What a job's refit goes by: its tuning, None where there is none, and what its row says of the inner loop.

    seconds  of the trials behind it;  sealed  how far these were, "" without any
    """

    tuning: Tuning | None
    notes: tuple[str, ...] = ()
    seconds: float | None = None
    sealed: str = ""


class MeanCurve(NamedTuple):
    """A setting, by its position in the job, its checkpoints, and its mean score at each."""

    setting: int
    checkpoints: tuple[int, ...]
    values: np.ndarray

    @property
    def best(self) -> float:
        return float(self.values.max())


class Loop:
    """What is known of a job's inner loop.

    score     the one that settings are chosen by;  patients  slide -> patient
    asked     how many stages of each setting's fits count
    """

    def __init__(
        self,
        job: Job,
        found: Mapping[str, Curves],
        score: str,
        patients: Mapping[str, str | None],
        asked: Asked | None = None,
    ):
        self.job, self.found, self.score, self.patients = job, found, score, patients
        self.asked = asked or {}

    def curves_of(self, judgement: Judgement, setting: int) -> list[Curves]:
        """What the stages that count left of a fit."""
        stages = judgement.stages[: self.asked.get(setting, len(judgement.stages))]
        return [self.found[trial.key] for trial in stages]

    def failed(self) -> dict[int, str]:
        """The settings that a trial failed for, with the first reason."""
        failed: dict[int, str] = {}
        for judgement in self.job.judgements:
            for setting in judgement.settings:
                for curves in self.curves_of(judgement, setting):
                    if not curves.finished:
                        failed.setdefault(setting, curves.failure or "no reason given")
        return dict(sorted(failed.items()))

    def means(self) -> list[MeanCurve]:
        """The curves of all settings that did not fail and that a slide could judge, in the settings' order."""
        failed = self.failed()
        settings = (setting for setting in range(len(self.job.settings)) if setting not in failed)
        return [curve for setting in settings if (curve := self._mean(setting)) is not None]

    def n_left_out(self) -> int:
        """Inner folds on whose judging slides nothing can be scored."""
        folds = {judgement.slides: False for judgement in self.job.judgements}
        for judgement in self.job.judgements:
            for setting in judgement.settings:
                for curves in self.curves_of(judgement, setting):
                    scored = not curves.finished or any(
                        s in p for p in curves.points for s in judgement.slides
                    )
                    folds[judgement.slides] |= scored
        return sum(not scored for scored in folds.values())

    def _mean(self, setting: int) -> MeanCurve | None:
        """The mean over patients of the mean over their judged slides; None where no slide could be judged."""
        of_patient: dict[str, list[list[float | None]]] = {}
        checkpoints: tuple[int, ...] = ()
        for judgement in self.job.judgements:
            if setting not in judgement.settings:
                continue
            stages, point = self.curves_of(judgement, setting), judgement.settings.index(setting)
            checkpoints = checkpoints or tuple(c for curves in stages for c in curves.checkpoints)
            for slide in judgement.slides:
                parts = [
                    curves.points[point][slide][self.score]
                    for curves in stages
                    if slide in curves.points[point]
                ]
                if parts:
                    patient = self.patients.get(slide) or f"slide {slide}"
                    of_patient.setdefault(patient, []).append([value for part in parts for value in part])
        means = [mean for values in of_patient.values() if (mean := _mean_of_slides(values)) is not None]
        if not means or not checkpoints:
            return None
        stacked = np.stack(means)
        # What is undefined at a checkpoint cannot win there.
        values = np.where(np.isfinite(stacked), stacked, -np.inf).mean(axis=0)
        return MeanCurve(setting, checkpoints, values)


def choose(loop: Loop) -> Choice:
    """What the inner loop chooses.

    The highest point of all settings' curves wins; of equals the earlier setting, then the earlier checkpoint. A
    setting with a failed trial is out; where none is left, nothing is chosen.
    """
    job = loop.job
    if not job.judgements:
        return Choice(None)
    behind = {
        curves.key: curves
        for judgement in job.judgements
        for setting in judgement.settings
        for curves in loop.curves_of(judgement, setting)
    }.values()
    seconds, sealed = (
        sum(curves.seconds for curves in behind),
        least_sealed(c.sealed for c in behind if c.sealed),
    )
    failed, curves = loop.failed(), loop.means()
    notes = [_left_out(job.settings[setting], reason) for setting, reason in failed.items()]
    best = max(curves, key=lambda curve: curve.best, default=None)
    if best is None or not np.isfinite(best.best):
        reason = "no setting was left" if failed else "nothing could be judged"
        return Choice(None, (*notes, f"published settings: in the inner loop {reason}"), seconds, sealed)
    if n_left_out := loop.n_left_out():
        notes.append(f"{n_left_out} inner folds left out: nothing can be scored on their slides")
    return Choice(_tuning(job, best, curves), tuple(notes), seconds, sealed)


def better_half(loop: Loop, among: Sequence[int]) -> list[int]:
    """Of these settings the half, rounded up, with the best scores so far; of equals the earlier."""
    best = {curve.setting: curve.best for curve in loop.means()}
    order = sorted((setting for setting in among if setting in best), key=lambda s: (-best[s], s))
    return sorted(order[: (len(order) + 1) // 2])


def _tuning(job: Job, best: MeanCurve, curves: Sequence[MeanCurve]) -> Tuning:
    at = int(np.argmax(best.values))
    has_epochs = best.checkpoints != (0,)
    return Tuning(
        settings=dict(job.settings[best.setting]),
        epochs=best.checkpoints[at] if has_epochs else None,
        score=float(best.values[at]),
        at_cap=has_epochs and at + 1 == len(best.checkpoints),
        curves=tuple(
            {
                "settings": dict(job.settings[curve.setting]),
                "checkpoints": curve.checkpoints,
                "curve": [round(float(v), 6) if np.isfinite(v) else None for v in curve.values],
            }
            for curve in curves
        ),
    )


def _left_out(settings: Mapping[str, Any], reason: str) -> str:
    named = ", ".join(f"{name}={value}" for name, value in settings.items()) or "the defaults"
    return f"inner loop without {named}: {reason}"


def _mean_of_slides(curves: Sequence[Sequence[float | None]]) -> np.ndarray | None:
    """The mean of a patient's slides, as far as they have a score at all; None where none has."""
    stacked = np.array([[np.nan if v is None else v for v in curve] for curve in curves], dtype=float)
    usable = stacked[~np.isnan(stacked).all(axis=1)]
    return usable.mean(axis=0) if len(usable) else None
