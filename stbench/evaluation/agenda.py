"""What is left to do in a run, in order, and what can be done now: refits wait for the trials that choose for them.

Several runs may share the work: a trial is claimed before it is begun, what another run has claimed is left to it, and
its result is looked for from time to time. Whoever dies with a claim loses it, and the trial is taken up again.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

from stbench.evaluation.curves import Curves
from stbench.evaluation.inner_trials import InnerTrial
from stbench.evaluation.plan import Job
from stbench.evaluation.runner import Refit
from stbench.evaluation.tuning import Loop, better_half, choose
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


class _Halving(NamedTuple):
    """A job whose settings are to be halved once this stage of their fits is known."""

    job: Job
    stage: int


_Entry = InnerTrial | _Halving | tuple[Job, int]


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
        self._asked: dict[str, dict[int, int]] = {}
        self._waiting: dict[str, _Entry] = _in_order(jobs, known)
        self._elsewhere: dict[str, _Entry] = {}
        self._under_way: dict[str, _Entry] = {}
        self._found: list[Result] = []
        self._next_look = 0.0

    @property
    def n_left(self) -> int:
        """Trials and refits without a result."""
        return len(self._waiting) + len(self._elsewhere) + len(self._under_way)

    def take(self) -> Task | None:
        """Something to do now, which is this run's from here on; None where everything left waits for something."""
        self._halve()
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

    def _halve(self) -> None:
        """Where a stage of all of a job's settings is known, have the next stage of the better half done."""
        for name, entry in list(self._waiting.items()):
            if isinstance(entry, _Halving) and self._is_known(entry.job):
                after = self._next_stage(entry)
                entries = list(self._waiting.items())
                at = [key for key, _ in entries].index(name)
                new = {key: trial for key, trial in after.items() if not self._is_planned(key)}
                self._waiting = {**dict(entries[:at]), **new, **dict(entries[at + 1 :])}

    def _next_stage(self, halving: _Halving) -> dict[str, InnerTrial]:
        """The trials that go on, by key; whatever is not among them ends here for this job."""
        job, stage = halving
        asked = self._asked_of(job)
        among = [setting for setting, n_stages in asked.items() if n_stages == stage + 1]
        for setting in better_half(self._loop(job), among):
            asked[setting] = stage + 2
        return {
            judgement.stages[stage + 1].key: judgement.stages[stage + 1]
            for judgement in job.judgements
            if any(asked[setting] > stage + 1 for setting in judgement.settings)
        }

    def _is_planned(self, key: str) -> bool:
        return any(key in place for place in (self._curves, self._waiting, self._elsewhere, self._under_way))

    def _asked_of(self, job: Job) -> dict[int, int]:
        """How many stages of each setting's fits this job has asked for; what others go on with is not its own."""
        name = min(job.keys.values())
        if name not in self._asked:
            self._asked[name] = dict.fromkeys(range(len(job.settings)), 1 if job.n_stages > 1 else 0)
        return self._asked[name]

    def _loop(self, job: Job) -> Loop:
        asked = self._asked_of(job) if job.n_stages > 1 else None
        return Loop(job, self._curves, self._score, self._patients, asked)

    def _is_known(self, job: Job) -> bool:
        """Whether all that the job has asked for so far has been found."""
        asked = self._asked_of(job) if job.n_stages > 1 else {}
        return all(
            trial.key in self._curves
            for judgement in job.judgements
            for trial in judgement.stages[: max((asked.get(s, 1) for s in judgement.settings), default=1)]
        )

    def _ready(self, entry: _Entry) -> Task | None:
        """The task, if all that it depends on is known."""
        if isinstance(entry, InnerTrial):
            return entry
        if isinstance(entry, _Halving):
            return None
        job, seed = entry
        if any(_halving_name(job, stage) in self._waiting for stage in range(job.n_stages - 1)):
            return None
        if not self._is_known(job):
            return None
        # Without its judgements: hundreds of trials that a worker has no use for.
        return Refit(replace(job, judgements=()), seed, choose(self._loop(job)))


def _halving_name(job: Job, stage: int) -> str:
    return f"halving {stage} {min(job.keys.values())}"


def _in_order(jobs: Iterable[Job], known: Mapping[str, Curves]) -> dict[str, _Entry]:
    """What is to be done by key: outer fold by outer fold, and in it inner fold by inner fold, then the refits."""
    found: dict[str, _Entry] = {}
    by_fold: dict[str, list[Job]] = {}
    for job in jobs:
        by_fold.setdefault(job.fold.name, []).append(job)
    for of_fold in by_fold.values():
        first = [j.stages[0] for job in of_fold for j in job.judgements if j.stages[0].key not in known]
        names = list(dict.fromkeys(trial.fold.name for trial in first))
        found |= {trial.key: trial for trial in sorted(first, key=lambda t: names.index(t.fold.name))}
        for job in of_fold:
            halvings = [_Halving(job, stage) for stage in range(job.n_stages - 1)]
            found |= {_halving_name(job, halving.stage): halving for halving in halvings}
        found |= {key: (job, seed) for job in of_fold for seed, key in job.keys.items()}
    return found
