"""What is left to do in a run, in order, and what can be done now: refits wait for the trials that choose for them.

Several runs may share the work: a trial is claimed before it is begun, what another run has claimed is left to it, and
its result is looked for from time to time. Whoever dies with a claim loses it, and the trial is taken up again.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from stbench.evaluation.curves import Curves
from stbench.evaluation.inner_trials import InnerTrial
from stbench.evaluation.plan import Job
from stbench.evaluation.runner import Refit
from stbench.evaluation.tuning import choose
from stbench.evaluation.validation import SCORES, TuneOn
from stbench.record import Record

Task = InnerTrial | Refit
Result = Curves | Record
_PAUSE = 0.5  # seconds between two looks at what others do


class Shelf(Protocol):
    """Where results lie, for every run that shares them."""

    def claim(self, key: str) -> bool:
        """Whether the work of that key is this run's to do, and nobody else's, from now on."""
        ...

    def release(self, key: str) -> None:
        """Give a claim up: the result lies there, or somebody else is to come to it."""
        ...

    def look(self, key: str) -> Result | None:
        """The finished result of that key, if it lies there."""
        ...


class Alone:
    """The shelf of a run that shares nothing."""

    def claim(self, key: str) -> bool:
        return True

    def release(self, key: str) -> None:
        return None

    def look(self, key: str) -> Result | None:
        return None


class Agenda:
    """The work of some jobs.

    known     curves that lie there already, by key
    tune_on   the score that settings are chosen by;  patients  slide -> patient
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        known: Mapping[str, Curves],
        tune_on: TuneOn,
        patients: Mapping[str, str | None],
        shelf: Shelf | None = None,
    ):
        self._score, self._patients, self._shelf = SCORES[tune_on], patients, shelf or Alone()
        self._curves = dict(known)
        self._waiting: dict[str, InnerTrial | tuple[Job, int]] = _in_order(jobs, known)
        self._elsewhere: dict[str, InnerTrial | tuple[Job, int]] = {}
        self._under_way: dict[str, InnerTrial | tuple[Job, int]] = {}
        self._found: list[Result] = []
        self._next_look = 0.0

    @property
    def n_left(self) -> int:
        """Trials and refits without a result."""
        return len(self._waiting) + len(self._elsewhere) + len(self._under_way)

    def take(self) -> Task | None:
        """Something to do now, which is this run's from here on; None where everything left waits for something."""
        for key, entry in list(self._waiting.items()):
            task = self._ready(entry)
            if task is None:
                continue
            del self._waiting[key]
            claimed = self._shelf.claim(key)
            if self._is_there(key):  # looked for after the claim: another run may have ended just before it
                if claimed:
                    self._shelf.release(key)
            elif claimed:
                self._under_way[key] = entry
                return task
            else:
                self._elsewhere[key] = entry
        return None

    def put(self, result: Result) -> None:
        """The result of what was taken."""
        self._under_way.pop(result.key, None)
        self._absorb(result)

    def give_back(self, task: Task) -> None:
        """What was taken comes to no result, through nobody's fault: somebody else is to try."""
        self._waiting = {task.key: self._under_way.pop(task.key), **self._waiting}

    def from_elsewhere(self) -> list[Result]:
        """Results that other runs have come to since this was last asked; what they gave up is waiting again."""
        if self._elsewhere and time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + _PAUSE
            self._waiting = {**self._elsewhere, **self._waiting}
            self._elsewhere.clear()
        found, self._found = self._found, []
        return found

    def _is_there(self, key: str) -> bool:
        """Whether another run has come to this result."""
        result = self._shelf.look(key)
        if result is not None:
            self._found.append(result)
            self._absorb(result)
        return result is not None

    def _absorb(self, result: Result) -> None:
        if isinstance(result, Curves):
            self._curves[result.key] = result

    def _ready(self, entry: InnerTrial | tuple[Job, int]) -> Task | None:
        """The task, if all that it depends on is known."""
        if isinstance(entry, InnerTrial):
            return entry
        job, seed = entry
        if any(trial.key not in self._curves for trial in job.trials):
            return None
        choice = choose(job, self._curves, self._score, self._patients)
        # Without its judgements: hundreds of trials that a worker has no use for.
        return Refit(replace(job, judgements=()), seed, choice)


def _in_order(jobs: Iterable[Job], known: Mapping[str, Curves]) -> dict[str, InnerTrial | tuple[Job, int]]:
    """Trials and refits by key: outer fold by outer fold, and in it inner fold by inner fold, then the refits."""
    found: dict[str, InnerTrial | tuple[Job, int]] = {}
    by_fold: dict[str, list[Job]] = {}
    for job in jobs:
        by_fold.setdefault(job.fold.name, []).append(job)
    for of_fold in by_fold.values():
        trials = [trial for job in of_fold for trial in job.trials if trial.key not in known]
        names = list(dict.fromkeys(trial.fold.name for trial in trials))
        found |= {trial.key: trial for trial in sorted(trials, key=lambda t: names.index(t.fold.name))}
        found |= {key: (job, seed) for job in of_fold for seed, key in job.keys.items()}
    return found
