"""Inner trials to curves, jobs to Records: fits are conducted on a bench, and what they predict is scored here.

The runner yields results and writes nothing. A method that fails leaves a result with its reason; unusable input
(UsageError) is nobody's result and is raised.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import numpy as np

from stbench.contract import SlideSource, TrainingState
from stbench.errors import UsageError
from stbench.evaluation.contestant import Contestant
from stbench.evaluation.curves import Curves
from stbench.evaluation.fit_inputs import fit_inputs
from stbench.evaluation.folds import Fold
from stbench.evaluation.inner_loop import grouping
from stbench.evaluation.inner_trials import TUNING_SEED, InnerTrial
from stbench.evaluation.judging import Judge
from stbench.evaluation.listening import CurveEar, FitProgress, Progress
from stbench.evaluation.materials import Materials
from stbench.evaluation.method_warnings import by_name
from stbench.evaluation.outcome import (
    cost_of,
    cost_of_inner,
    failed_record,
    identity,
    job_provenance,
    notes_of,
    reason_of,
    stamped,
    time_of_day,
    trace_of,
)
from stbench.evaluation.plan import Job, inner_trials
from stbench.evaluation.released.conducting import released_record
from stbench.evaluation.slides_used import notes_on_slides, slides_used
from stbench.evaluation.trials.benches import Bench
from stbench.evaluation.trials.handouts import Handout
from stbench.evaluation.trials.second_try import tried_twice
from stbench.evaluation.trials.trial import Trial, TrialResult, least_sealed
from stbench.evaluation.tuning import Choice, Loop, choose
from stbench.evaluation.validation import SCORES
from stbench.metrics.training import TrainingSummary
from stbench.preprocess.expression import Scaling
from stbench.record import Record

__all__ = ["FitProgress", "Refit", "Runner", "failed_record"]

# Raises UsageError where a contestant's source, the harness or slides are not what the plan was made from.
CheckUnchanged = Callable[[Contestant, list[SlideSource]], None]


class Refit(NamedTuple):
    """A job's last fit with one seed, by what its inner loop chose."""

    job: Job
    seed: int
    choice: Choice

    @property
    def key(self) -> str:
        return self.job.keys[self.seed]


class States(Protocol):
    """Keeps where stages of a training ended, by the trial's key."""

    def save(self, key: str, state: TrainingState) -> None: ...

    def load(self, key: str) -> tuple[Mapping[str, np.ndarray], Mapping[str, Any]] | None: ...


class Runner:
    """Does the work of one run.

    bench       where trials are conducted
    provenance  versions, git state and machine, copied into every result
    unchanged   asked before each trial
    states      where stages of a training leave off, None where each begins anew
    """

    def __init__(
        self,
        materials: Materials,
        bench: Bench,
        provenance: Mapping[str, Any],
        unlabelled: tuple[str, ...] = (),
        tumour_labels: tuple[str, ...] = (),
        progress: FitProgress | None = None,
        unchanged: CheckUnchanged | None = None,
        states: States | None = None,
    ):
        self.materials = materials
        self.bench = bench
        self.provenance = provenance
        self.progress = progress
        self.unchanged = unchanged
        self.states = states
        self.unlabelled = unlabelled
        self.tumour_labels = tumour_labels
        self.judge = Judge(materials, unlabelled, tumour_labels)
        self.name = uuid.uuid4().hex[
            :8
        ]  # tells workers apart in their results, and says nothing of where they ran

    def run(self, job: Job) -> Iterator[Record]:
        """A job with its whole inner loop, here and now: one Record per seed, each as soon as it exists."""
        found = {key: self.try_out(trial) for key, trial in inner_trials([job]).items()}
        patients = {source.id: source.patient for source in self.materials.sources.values()}
        choice = choose(Loop(job, found, SCORES[self.materials.design.tune_on], patients))
        for seed in job.keys:
            yield self.refit(Refit(job, seed, choice))

    def do(self, task: InnerTrial | Refit) -> Curves | Record:
        """The result of an inner trial or a refit, with who came to it and when that began."""
        own = {"worker": self.name, "started_at": time_of_day()}
        result = self.try_out(task) if isinstance(task, InnerTrial) else self.refit(task)
        return replace(result, provenance={**result.provenance, **own})

    def try_out(self, trial: InnerTrial) -> Curves:
        """Conduct an inner trial and judge its predictions at the checkpoints."""
        self._check_unchanged(trial.contestant, trial.fold)
        try:
            return tried_twice(lambda: self._curves(trial))
        except (UsageError, KeyboardInterrupt):
            raise
        except Exception as error:
            return Curves(
                trial.key,
                trial.about(),
                failure=reason_of(error),
                trace=trace_of(error),
                provenance=stamped(self.provenance),
            )

    def refit(self, work: Refit) -> Record:
        """Fit on all outer training slides with what the inner loop chose, predict and score the test slides."""
        self._check_unchanged(work.job.contestant, work.job.fold)
        make = self._of_released if work.job.contestant.released else self._record
        try:
            return tried_twice(lambda: make(work))
        except (UsageError, KeyboardInterrupt):
            raise
        except Exception as error:
            return failed_record(work.job, work.seed, error, self.provenance)

    def _check_unchanged(self, contestant: Contestant, fold: Fold) -> None:
        if self.unchanged is not None:
            slides = dict.fromkeys((*fold.train, *fold.test, *fold.panel_slides))
            self.unchanged(contestant, [self.materials.sources[name] for name in slides])

    def _curves(self, trial: InnerTrial) -> Curves:
        patients = {source.id: source.patient for source in self.materials.sources.values()}
        fold = self.materials.fold(trial.fold, grouping(patients, trial.kept_together))
        inputs = fit_inputs(fold, trial.contestant.card, trial.fold.train, trial.fold.test)
        if not inputs.judged:
            return Curves(trial.key, trial.about(), points=tuple({} for _ in trial.points))
        summary = TrainingSummary.of([fold.expression(name) for name in inputs.trained])
        ear = CurveEar(
            {name: fold.validation_slide(name) for name in inputs.judged},
            inputs.scaling,
            summary.constant_below,
            len(trial.points),
            f"{trial.contestant.name} · without {trial.fold.name}",
            self.progress,
            is_stage=trial.stage is not None,
        )
        kept = self.states.load(trial.before) if self.states and trial.before else None
        state = TrainingState(*kept) if kept else None
        fit = self._trial(
            trial.contestant, trial.points[0], trial.epochs, TUNING_SEED, inputs.train, inputs.queries
        )
        staged = {"stage": trial.stage, "state": state}
        result = self.bench.conduct(
            replace(fit, predicted="while it trains", sweep=trial.sweep, **staged), ear
        )
        if self.states and ear.state is not None:
            self.states.save(trial.key, ear.state)
        return Curves(
            trial.key,
            trial.about(),
            tuple(ear.checkpoints),
            ear.points(),
            cost_of_inner(result.facts, state),
            sealed=result.sealed,
            provenance=stamped(self.provenance),
        )

    def _trial(
        self,
        contestant: Contestant,
        settings: Mapping[str, Any],
        epochs: int | None,
        seed: int,
        train: list[Handout],
        queries: list[Handout],
    ) -> Trial:
        return Trial(
            plugin=contestant.place,
            settings=settings,
            epochs=epochs,
            seed=seed,
            device=self.materials.design.device,
            threads=self.materials.design.threads,
            train=tuple(train),
            queries=tuple(queries),
            light=contestant.is_floor,
        )

    def _fitted(self, work: Refit) -> tuple[TrialResult, Scaling]:
        """The refit's trial, and the scaling of its predictions."""
        job, tuning = work.job, work.choice.tuning
        materials, card = self.materials.fold(job.fold), job.contestant.card
        settings = tuning.settings if tuning else job.settings[0]
        epochs = tuning.epochs if tuning and tuning.epochs is not None else job.epochs
        inputs = fit_inputs(materials, card, job.fold.train)
        queries = [materials.query_handout(name, i, card) for i, name in _query_ids(job.fold).items()]
        trial = self._trial(job.contestant, settings, epochs, work.seed, inputs.train, queries)
        ear = Progress(f"{job.row.method} · fold {job.fold.name}", self.progress)
        return self.bench.conduct(trial, ear), inputs.scaling

    def _of_released(self, work: Refit) -> Record:
        """The Record of a predictor that is not fitted."""
        return released_record(work.job, work.seed, self.judge, self.bench, self.provenance)

    def _record(self, work: Refit) -> Record:
        job, choice = work.job, work.choice
        panel = self.materials.fold(job.fold).panel
        result, scaling = self._fitted(work)
        facts, names = result.facts, _query_ids(job.fold)
        # Rounded to the precision that is stored before they are scored, so that anyone can score them again.
        predictions = {
            name: scaling.invert(predicted).astype(np.float32)
            for name, predicted in zip(names.values(), result.predictions, strict=True)
        }
        scored = [self.judge.score(job.fold, name, values) for name, values in predictions.items()]
        unmeasured = {name: self.judge.n_left_out(job.fold, name) for name in job.fold.test}
        filled = {name: self.materials.n_filled(name, job.contestant.card) for name in job.fold.test}
        warned = [by_name(sentence, names) for sentence in facts.warned]
        about_slides = notes_on_slides(self.materials, job.fold, job.contestant.card)
        n_spots = sum(len(values) for values in predictions.values())
        return Record(
            **identity(job, work.seed),
            leaky=panel.leaky,
            panel_note=panel.note,
            panel_hash=panel.hash,
            panel_genes=panel.genes,
            settings=facts.settings,
            tuning=choice.tuning.to_plain() if choice.tuning else {},
            slides=tuple(scores for _, scores in scored),
            cost={**cost_of(facts), "n_spots_predicted": n_spots, "tuning_seconds": choice.seconds},
            published_steps=job.contestant.card.steps_published(job.row.variant),
            pretrained=facts.pretrained,
            notes=(*notes_of(job, choice, facts.notes, unmeasured, filled), *warned, *about_slides),
            sealed=least_sealed(filter(None, (result.sealed, choice.sealed))),
            unlabelled=self.unlabelled,
            tumour_labels=self.tumour_labels,
            provenance=job_provenance(job, {**self.provenance, **slides_used(self.materials, job.fold)}),
            predictions=predictions,
            training=self.judge.training(job.fold).arrays(),
            truths={truth.slide: truth for truth, _ in scored},
        )


def _query_ids(fold: Fold) -> dict[str, str]:
    """The test slides of a fold by the opaque names under which a method meets them."""
    return {f"query-{i}": name for i, name in enumerate(fold.test)}
