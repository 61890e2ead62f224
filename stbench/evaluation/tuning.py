"""The inner loop's choice: which setting and how many epochs, by what was judged on slides of the training set only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np

from stbench.evaluation.curves import Curves
from stbench.evaluation.plan import Job
from stbench.evaluation.trials.trial import least_sealed


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


class _MeanCurve(NamedTuple):
    """A setting's checkpoints and its mean score at each."""

    setting: int
    checkpoints: tuple[int, ...]
    values: np.ndarray


def choose(job: Job, found: Mapping[str, Curves], score: str, patients: Mapping[str, str | None]) -> Choice:
    """What the inner loop chooses for a job, by one score of its trials' curves.

    A setting's curve is the mean over patients of the mean over their judged slides (a slide without a patient is one
    of its own). The highest point of all settings' curves wins; of equals the earlier setting, then the earlier
    checkpoint. A setting with a failed trial is out; where none is left, nothing is chosen.
    """
    if not job.judgements:
        return Choice(None)
    behind = {trial.key: found[trial.key] for trial in job.trials}.values()
    seconds, sealed = (
        sum(curves.seconds for curves in behind),
        least_sealed(c.sealed for c in behind if c.sealed),
    )
    failed = _failed(job, found)
    notes = [_left_out(job.settings[setting], reason) for setting, reason in failed.items()]
    judged = {j.slides for j in job.judgements if _has_scores(found[j.trial.key], j.slides)}
    lacking = len({judgement.slides for judgement in job.judgements} - judged) if not failed else 0
    if lacking and judged:
        notes.append(f"{lacking} inner folds left out: nothing can be scored on their slides")
    curves = [
        curve
        for setting in range(len(job.settings))
        if setting not in failed and (curve := _mean_curve(job, setting, found, score, patients))
    ]
    best = max(curves, key=lambda curve: curve.values.max(), default=None)
    if best is None or not np.isfinite(best.values.max()):
        reason = "no setting was left" if failed else "nothing could be judged"
        return Choice(None, (*notes, f"published settings: in the inner loop {reason}"), seconds, sealed)
    return Choice(_tuning(job, best, curves), tuple(notes), seconds, sealed)


def _tuning(job: Job, best: _MeanCurve, curves: Sequence[_MeanCurve]) -> Tuning:
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


def _failed(job: Job, found: Mapping[str, Curves]) -> dict[int, str]:
    """The settings, by position, that a trial failed for, with the first reason."""
    failed: dict[int, str] = {}
    for judgement in job.judgements:
        curves = found[judgement.trial.key]
        if not curves.finished:
            for setting in judgement.settings:
                failed.setdefault(setting, curves.failure or "no reason given")
    return dict(sorted(failed.items()))


def _left_out(settings: Mapping[str, Any], reason: str) -> str:
    named = ", ".join(f"{name}={value}" for name, value in settings.items()) or "the defaults"
    return f"inner loop without {named}: {reason}"


def _has_scores(curves: Curves, slides: Sequence[str]) -> bool:
    return any(slide in point for point in curves.points for slide in slides)


def _mean_curve(
    job: Job, setting: int, found: Mapping[str, Curves], score: str, patients: Mapping[str, str | None]
) -> _MeanCurve | None:
    """A setting's curve over its job's validation slides; None where no slide could be judged."""
    of_patient: dict[str, list[Sequence[float | None]]] = {}
    checkpoints: tuple[int, ...] = ()
    for judgement in job.judgements:
        if setting not in judgement.settings:
            continue
        curves = found[judgement.trial.key]
        checkpoints = checkpoints or curves.checkpoints
        if not curves.points:
            continue
        point = curves.points[judgement.settings.index(setting)]
        for slide in judgement.slides:
            if slide in point:
                patient = patients.get(slide) or f"slide {slide}"
                of_patient.setdefault(patient, []).append(point[slide][score])
    means = [mean for values in of_patient.values() if (mean := _mean(values)) is not None]
    if not means:
        return None
    stacked = np.stack(means)
    # What is undefined at a checkpoint cannot win there.
    values = np.where(np.isfinite(stacked), stacked, -np.inf).mean(axis=0)
    return _MeanCurve(setting, checkpoints, values)


def _mean(curves: Sequence[Sequence[float | None]]) -> np.ndarray | None:
    """The mean of a patient's slides, as far as they have a score at all; None where none has."""
    stacked = np.array([[np.nan if v is None else v for v in curve] for curve in curves], dtype=float)
    usable = stacked[~np.isnan(stacked).all(axis=1)]
    return usable.mean(axis=0) if len(usable) else None
