"""A method's nested loop over slides at hand, in this process: what it chose, what that scored, what was best."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from stbench.contract import MethodCard, SlideSource
from stbench.evaluation.agenda import Agenda
from stbench.evaluation.contestant import Contestant
from stbench.evaluation.curves import Curves
from stbench.evaluation.design import Design
from stbench.evaluation.materials import Materials
from stbench.evaluation.plan import Job, Plan, inner_trials, make_plan
from stbench.evaluation.runner import Runner
from stbench.evaluation.trials.benches import Bench
from stbench.evaluation.trials.plugins import PluginPlace
from stbench.record import Record

MaterialsOf = Callable[[Design, Sequence[SlideSource]], Materials]


class NestedLoop(NamedTuple):
    """A finished nested loop; `n_fits` counts inner trials and refits."""

    plan: Plan
    records: tuple[Record, ...]
    curves: dict[str, Curves]
    runner: Runner

    @property
    def n_fits(self) -> int:
        return len(self.curves) + len(self.records)


class Hindsight(NamedTuple):
    """Scores on an outer fold's test slides of every setting at every checkpoint, trained on the outer training set.

    scores  (settings, checkpoints), the settings in the job's order
    """

    settings: tuple[dict[str, Any], ...]
    checkpoints: tuple[int, ...]
    scores: np.ndarray

    def of(self, record: Record) -> float:
        """The score of what a Record's inner loop chose."""
        return float(self.scores[self.settings.index(record.tuning["settings"]), self.position(record)])

    def position(self, record: Record) -> int:
        """Which checkpoint a Record's inner loop chose."""
        epochs = record.tuning["epochs"]
        return 0 if epochs is None else self.checkpoints.index(epochs)

    @property
    def best_position(self) -> int:
        """The checkpoint of the highest score."""
        return int(np.unravel_index(self.scores.argmax(), self.scores.shape)[1])


def run_nested(
    design: Design,
    sources: Sequence[SlideSource],
    contestants: Sequence[Contestant],
    bench: Bench,
    materials_of: MaterialsOf = Materials,
    known: Mapping[str, Curves] | None = None,
) -> NestedLoop:
    """The whole nested loop of some contestants; RuntimeError where a fit fails.

    known  curves of an earlier loop, which are not made again
    """
    plan = make_plan(design, "drawn", sources, contestants, (0,))
    runner = Runner(materials_of(design, sources), bench, {"stbench": "test"})
    patients = {source.id: source.patient for source in sources}
    agenda = Agenda(plan.jobs, known or {}, design.tune_on, patients)
    curves, records = {}, []
    while (task := agenda.take()) is not None:
        result = runner.do(task)
        if not result.finished:
            raise RuntimeError(f"{result.failure}\n{result}")
        agenda.put(result)
        if isinstance(result, Curves):
            curves[result.key] = result
        else:
            records.append(result)
    return NestedLoop(plan, tuple(records), curves, runner)


def in_hindsight(loop: NestedLoop, job: Job, score: str = "pcc") -> Hindsight:
    """What every setting and checkpoint of a job scores on its test slides."""
    one_fold = next(iter(inner_trials([job]).values())).fold
    rows: dict[int, tuple[float, ...]] = {}
    checkpoints: tuple[int, ...] = ()
    for trial in inner_trials([job]).values():
        if trial.fold != one_fold:
            continue
        found = loop.runner.try_out(replace(trial, fold=job.fold))
        if not found.finished:
            raise RuntimeError(found.failure)
        checkpoints = found.checkpoints
        for settings, point in zip(trial.points, found.points, strict=True):
            columns = np.array([point[slide][score] for slide in job.fold.test], dtype=float)
            rows[job.settings.index(settings)] = tuple(columns.mean(axis=0))
    settings = tuple(dict(point) for point in job.settings)
    return Hindsight(settings, checkpoints, np.array([rows[i] for i in range(len(settings))]))


def contestant_of(
    name: str, card: MethodCard, settings: Mapping[str, Any] | None = None, place: PluginPlace | None = None
) -> Contestant:
    """A method as a plan takes it; without a place it is known by its name alone."""
    where = place or PluginPlace(name, "", Path())
    return Contestant(name, card, "source", "", settings or {}, {}, place=where)


def outer_score(record: Record, score: str = "pcc") -> float:
    """The mean over a fold's test slides; NaN where it is undefined on one of them."""
    return float(np.array([slide.scores[score] for slide in record.slides], dtype=float).mean())
