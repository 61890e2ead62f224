"""The leakage audit: proof that a test slide's expression does not reach its own predictions.

Three passes over the run's own trials, in the run's order: several outer folds, the inner trials of each included. The
first two passes see the data as they are: if their predictions differ, the method is not repeatable and nothing can
be said. In the third the audited slides' expression is noise everywhere, also where they train. Predictions of trials
that are not allowed to know these slides must then be identical bit for bit; a method that leaves notes in one trial
for the next is seen by that. What is audited is what runs: the same trials, in the same sealed children.

Of a method whose trials say that torch cannot repeat them on CUDA, predictions may differ by a share of the largest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from stbench.contract import SlideSource
from stbench.errors import MethodError
from stbench.evaluation.design import Design
from stbench.evaluation.devices import kind_of
from stbench.evaluation.materials import Materials
from stbench.evaluation.plan import Job
from stbench.evaluation.runner import Runner
from stbench.evaluation.trials.benches import Bench, Ear
from stbench.evaluation.trials.repeating import (
    TOLERANCE,
    allowance,
    relative_difference,
    says_not_repeatable,
)
from stbench.evaluation.trials.trial import NOT_SEALED, Trial, TrialResult, least_sealed
from stbench.slide import Slide

_SEED = 20260


@dataclass(frozen=True)
class AuditCase:
    """What is audited: one method's jobs in the run's order; the last one's test slides train in earlier ones."""

    design: Design
    sources: tuple[SlideSource, ...]
    jobs: tuple[Job, ...]

    @property
    def audited(self) -> tuple[str, ...]:
        """The slides whose expression is replaced."""
        return self.jobs[-1].fold.test


class AuditResult(NamedTuple):
    """`verdict` is "clean", "leak" or "not repeatable"; evidence and notes are sentences."""

    verdict: str
    evidence: list[str]
    notes: list[str]
    sealed: str


@dataclass
class Pass:
    """What one pass left: digests of all predictions that the audited slides must not change, in order.

    predictions     these themselves, kept where they come from a CUDA device
    not_repeatable  sentences of trials on which operations cannot be repeated there
    """

    digests: list[str] = field(default_factory=list)
    sealed: set[str] = field(default_factory=set)
    predictions: list[np.ndarray] = field(default_factory=list)
    not_repeatable: list[str] = field(default_factory=list)

    def difference(self, other: Pass) -> float:
        """The largest difference of two passes' predictions, over the largest prediction; 0 where no bit differs."""
        if self.digests == other.digests:
            return 0.0
        if not self.predictions or len(self.predictions) != len(other.predictions):
            return np.inf
        return max(map(relative_difference, self.predictions, other.predictions))


def audit(
    case: AuditCase, bench: Bench, say: Callable[[str], None] = lambda line: None, opened: Sequence[str] = ()
) -> AuditResult:
    """Run the three passes and compare; MethodError where the method fails in one of them.

    opened  what the method tried to open, filled by the bench meanwhile
    """
    say("pass 1 of 3: the data as they are")
    first = _one_pass(case, bench, {})
    say("pass 2 of 3: the same again, as the control")
    second = _one_pass(case, bench, {})
    say("pass 3 of 3: the audited slides' expression replaced by noise")
    third = _one_pass(case, bench, dict.fromkeys(case.audited, noise_in_place))
    return judge(first, second, third, case, list(dict.fromkeys(opened)))


def judge(first: Pass, second: Pass, third: Pass, case: AuditCase, opened: Sequence[str] = ()) -> AuditResult:
    """The verdict on three passes."""
    names, data = ", ".join(case.audited), {str(path) for s in case.sources for path in s.files.values()}
    sealed = least_sealed(first.sealed | second.sealed | third.sealed)
    notes = [f"it opened or tried to open {path}" for path in opened if path not in data]
    read = [path for path in opened if path in data]
    if sealed == NOT_SEALED:
        notes.append(
            "this machine cannot seal processes: a file read by a C library would not have been seen"
        )
        evidence = [f"it opened {path}, a file of the dataset" for path in read]
    else:
        notes += [f"it tried to open {path}, a file of the dataset, and was kept from it" for path in read]
        evidence = []
    notes.append("no audit sees truth that is shipped inside a plugin's own files")
    reasons = [*first.not_repeatable, *second.not_repeatable, *third.not_repeatable]
    allowed = TOLERANCE if reasons else 0.0
    if first.difference(second) > allowed and not evidence:
        words = f"two identical passes predict {names} differently; seed every random draw"
        return AuditResult("not repeatable", [words], notes, sealed)
    if first.difference(third) > allowed:
        evidence.append(f"predictions for {names} change when its own expression is replaced by noise")
    if evidence:
        return AuditResult("leak", evidence, notes, sealed)
    about = f"{len(first.digests)} predictions of trials that must not know {names}"
    if first.difference(third) == 0:
        same = f"{about} are identical bit for bit when its own expression is replaced by noise"
        return AuditResult("clean", [same], notes, sealed)
    nearly = f"{about} stay as they are but for what the device cannot repeat: {allowance(first.difference(third))}"
    return AuditResult("clean", [nearly], [reasons[0], *notes], sealed)


def noise_in_place(slide: Slide) -> Slide:
    """The slide with each spot's counts dealt to another spot and another gene."""
    random = np.random.default_rng(_SEED)
    rows, columns = random.permutation(slide.n_spots), random.permutation(len(slide.genes))
    return replace(slide, counts=slide.counts[rows][:, columns])


class _Digesting(Bench):
    """Conducts trials on another bench and takes a digest of each prediction, as long as it is to."""

    def __init__(self, bench: Bench):
        self.bench, self.listening, self.found = bench, False, Pass()

    def conduct(self, trial: Trial, ear: Ear) -> TrialResult:
        digesting = _DigestingEar(ear, kept=kind_of(trial.device) == "cuda" and not trial.light)
        result = self.bench.conduct(trial, digesting)
        digesting.take(result.predictions)
        self.found.sealed.add(result.sealed)
        if self.listening:
            self.found.digests += digesting.digests
            self.found.predictions += digesting.predictions
            self.found.not_repeatable += filter(None, [says_not_repeatable(result.facts.notes)])
        return result


class _DigestingEar(Ear):
    """Takes a digest of each prediction, and keeps the predictions if it is to."""

    def __init__(self, ear: Ear, kept: bool):
        self.ear, self.kept = ear, kept
        self.digests, self.predictions = list[str](), list[np.ndarray]()

    def hand_over(self, checkpoint: int, predictions: list[np.ndarray]) -> None:
        self.take(predictions)
        self.ear.hand_over(checkpoint, predictions)

    def take(self, predictions: Sequence[np.ndarray]) -> None:
        self.digests += map(_digest, predictions)
        if self.kept:
            self.predictions += [prediction.astype(np.float32) for prediction in predictions]


def _digest(prediction: np.ndarray) -> str:
    return hashlib.sha256(repr(prediction.shape).encode() + prediction.tobytes()).hexdigest()


def _one_pass(case: AuditCase, bench: Bench, changes: Mapping[str, Callable[[Slide], Slide]]) -> Pass:
    materials, digesting = Materials(case.design, case.sources), _Digesting(bench)
    for name, change in changes.items():
        materials.replace(name, change(materials.slide(name)))
    runner = Runner(materials, digesting, {})
    for job in case.jobs:
        digesting.listening = set(job.fold.test) == set(case.audited)
        for record in runner.run(job):
            if record.failure is not None:
                raise MethodError(f"{job.row.method} failed during the audit: {record.failure}")
    return digesting.found
