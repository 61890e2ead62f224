"""What is left to do in a run, in order, and what can be done now: refits wait for the trials that choose for them.

Several runs may share the work: a trial is claimed before it is begun, what another run has claimed is left to it, and
its result is looked for from time to time. Whoever dies with a claim loses it, and the trial is taken up again.
What lies there is told by its name; it is read only where something is chosen by it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from stbench.evaluation.curves import Curves
from stbench.evaluation.inner_trials import InnerTrial
from stbench.evaluation.plan import Job
from stbench.evaluation.runner import Refit
from stbench.evaluation.shelf import Alone, Result, Shelf
from stbench.evaluation.tuning import Loop, better_half, choose
from stbench.evaluation.validation import SCORES, TuneOn

Task = InnerTrial | Refit
_PAUSE = 0.5  # seconds between two looks at what others are at
_LONG_PAUSE = 5.0  # between two looks at all that lies there, which may be ten thousands of files
_MOST_LOOKING = 0.02  # of this process's time, however long a look takes


class Found(NamedTuple):
    """The key of a result that another run has come to."""

    key: str


class _Halving(NamedTuple):
    """A job whose settings are to be halved once this stage of their fits is known."""

    job: Job
    stage: int


_Entry = InnerTrial | _Halving | tuple[Job, int]


class Agenda:
    """The work of some jobs.

    known     curves that are at hand already, by key
    tune_on   the score that settings are chosen by;  patients  slide -> patient
    shelf     where results lie and are kept
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
        self._trials = {trial.key: trial for job in jobs for trial in job.trials}
        self._lying = self._shelf.there(self._trials)
        self._asked: dict[str, dict[int, int]] = {}
        self._waiting: dict[str, _Entry] = _in_order(jobs, self._lying | self._curves.keys())
        self._elsewhere: dict[str, _Entry] = {}
        self._under_way: dict[str, _Entry] = {}
        self._found: list[Found] = []
        now = time.monotonic()
        self._next_look, self._next_long_look = now, now + _LONG_PAUSE

    @property
    def n_left(self) -> int:
        """Trials and refits without a result."""
        return len(self._waiting) + len(self._elsewhere) + len(self._under_way)

    @property
    def waits_for_others(self) -> bool:
        """Whether something is left to another run that claimed it."""
        return bool(self._elsewhere)

    def take(self) -> Task | None:
        """Something to do now, which is this run's from here on; None where everything left waits for something."""
        self._look_around()
        self._halve()
        for key, entry in list(self._waiting.items()):
            if key not in self._waiting or not self._can_begin(entry):
                continue
            if not self._shelf.claim(key):
                self._elsewhere[key] = self._waiting.pop(key)
                continue
            # Looked for after the claim: another run may have ended just before it.
            if self._shelf.there([key]):
                self._shelf.release(key)
                self._find(key)
                continue
            task = self._task(entry)
            if task is None:  # what it waits for turned out to be damaged
                self._shelf.release(key)
                continue
            self._under_way[key] = self._waiting.pop(key)
            return task
        return None

    def put(self, result: Result) -> None:
        """The result of what was taken, to be kept."""
        self._shelf.keep(result)
        self._end(result)

    def fetch(self, task: Task) -> Result | None:
        """The result of what was taken and was kept by whoever did it; None where it does not lie there."""
        result = self._shelf.look(task.key)
        if result is not None:
            self._end(result)
        return result

    def give_back(self, task: Task) -> None:
        """What was taken comes to no result, through nobody's fault: somebody else is to try."""
        self._waiting = {task.key: self._under_way.pop(task.key), **self._waiting}

    def from_elsewhere(self) -> list[Found]:
        """Results that other runs have come to since this was last asked."""
        found, self._found = self._found, []
        return found

    def _end(self, result: Result) -> None:
        self._under_way.pop(result.key, None)
        self._shelf.release(result.key)
        if isinstance(result, Curves):
            self._curves[result.key] = result

    def _look_around(self) -> None:
        """Leave to others what they have claimed, take up what they gave up, find what they have come to."""
        started = time.monotonic()
        if started < self._next_look:
            return
        claimed = self._shelf.claimed()
        if started >= self._next_long_look:
            there = self._shelf.there(self._waiting.keys() | self._elsewhere.keys())
            took = time.monotonic() - started
            self._next_long_look = started + max(_LONG_PAUSE, took / _MOST_LOOKING)
        else:
            there = self._shelf.there(self._elsewhere.keys() - claimed)
        for key in there:
            self._find(key)
        for key in claimed & self._waiting.keys():
            self._elsewhere[key] = self._waiting.pop(key)
        given_up = {key: entry for key, entry in self._elsewhere.items() if key not in claimed}
        for key in given_up:
            del self._elsewhere[key]
        self._waiting = {**given_up, **self._waiting} if given_up else self._waiting
        self._next_look = time.monotonic() + _PAUSE

    def _find(self, key: str) -> None:
        """Take note of a result that another run has come to."""
        self._waiting.pop(key, None)
        self._elsewhere.pop(key, None)
        self._found.append(Found(key))
        if key in self._trials:
            self._lying.add(key)

    def _halve(self) -> None:
        """Where a stage of all of a job's settings is known, have the next stage of the better half done."""
        for name, entry in list(self._waiting.items()):
            if isinstance(entry, _Halving) and self._is_known(entry.job) and self._read(entry.job):
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
        places = (self._curves, self._lying, self._waiting, self._elsewhere, self._under_way)
        return any(key in place for place in places)

    def _asked_of(self, job: Job) -> dict[int, int]:
        """How many stages of each setting's fits this job has asked for; what others go on with is not its own."""
        name = min(job.keys.values())
        if name not in self._asked:
            self._asked[name] = dict.fromkeys(range(len(job.settings)), 1 if job.n_stages > 1 else 0)
        return self._asked[name]

    def _loop(self, job: Job) -> Loop:
        asked = self._asked_of(job) if job.n_stages > 1 else None
        return Loop(job, self._curves, self._score, self._patients, asked)

    def _behind(self, job: Job) -> Iterable[InnerTrial]:
        """The trials that the job has asked for so far."""
        asked = self._asked_of(job) if job.n_stages > 1 else {}
        for judgement in job.judgements:
            yield from judgement.stages[: max((asked.get(s, 1) for s in judgement.settings), default=1)]

    def _is_known(self, job: Job) -> bool:
        """Whether all that the job has asked for so far has been found."""
        return all(trial.key in self._curves or trial.key in self._lying for trial in self._behind(job))

    def _read(self, job: Job) -> bool:
        """Read what the job goes by as far as it is not at hand; what cannot be read is to be done again."""
        whole = True
        for trial in self._behind(job):
            if trial.key in self._curves:
                continue
            curves = self._shelf.look(trial.key)
            if isinstance(curves, Curves):
                self._curves[trial.key] = curves
            else:
                self._lying.discard(trial.key)
                self._waiting = {trial.key: trial, **self._waiting}
                whole = False
        return whole

    def _can_begin(self, entry: _Entry) -> bool:
        """Whether all that it depends on is known."""
        if isinstance(entry, InnerTrial):
            return True
        if isinstance(entry, _Halving):
            return False
        job, _ = entry
        halved = all(_halving_name(job, stage) not in self._waiting for stage in range(job.n_stages - 1))
        return halved and self._is_known(job)

    def _task(self, entry: _Entry) -> Task | None:
        """What is to be done; None where something that it goes by has to be done again."""
        if isinstance(entry, InnerTrial):
            return entry
        job, seed = entry
        if not isinstance(job, Job) or not self._read(job):
            return None
        # Without its judgements: hundreds of trials that a worker has no use for.
        return Refit(replace(job, judgements=()), seed, choose(self._loop(job)))


def _halving_name(job: Job, stage: int) -> str:
    return f"halving {stage} {min(job.keys.values())}"


def _in_order(jobs: Iterable[Job], known: set[str]) -> dict[str, _Entry]:
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
