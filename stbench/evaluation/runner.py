"""One job -> its Records: tune on inner folds, refit on the outer training slides, predict and score the test ones.

The runner yields Records and writes nothing. A method that fails leaves a Record with its reason; unusable input
(UsageError) is nobody's result and is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from stbench.errors import CannotFit, UsageError
from stbench.evaluation.cost import measured
from stbench.evaluation.fit_inputs import JudgeQueries, fit_inputs
from stbench.evaluation.folds import Fold
from stbench.evaluation.judging import Judge
from stbench.evaluation.materials import Materials
from stbench.evaluation.method_warnings import by_name
from stbench.evaluation.outcome import cost_of, failed_record, identity, notes_of, stamped
from stbench.evaluation.plan import Job
from stbench.evaluation.trials.benches import Bench, Ear
from stbench.evaluation.trials.trial import Trial, TrialResult
from stbench.evaluation.tuning import Tuning, tune
from stbench.preprocess.expression import Scaling
from stbench.record import Record

__all__ = ["FitProgress", "Runner", "failed_record", "with_tuning"]

# Tells of a fit's progress: (what is being fitted, epochs done, epochs in all, latest validation score)
FitProgress = Callable[[str, int, int, float | None], None]


class _Conducted(NamedTuple):
    """What a trial left, the scaling of its predictions, the score at each checkpoint."""

    result: TrialResult
    scaling: Scaling
    curve: list[float]


class _Listening(Ear):
    """Scores what is handed over, and passes on how far the fit is."""

    def __init__(self, judge: JudgeQueries | None, label: str, progress: FitProgress | None):
        self._judge, self._label, self._progress = judge, label, progress
        self.curve: list[float] = []

    def progress(self, done: int, total: int) -> None:
        if self._progress is not None:
            self._progress(self._label, done, total, self.curve[-1] if self.curve else None)

    def hand_over(self, checkpoint: int, predictions: list[np.ndarray]) -> None:
        if self._judge is not None:
            self.curve.append(self._judge(predictions))


class Runner:
    """Runs the jobs of one run.

    bench       where trials are conducted
    threads     of each trial
    provenance  versions, git state and machine, copied into every Record
    """

    def __init__(
        self,
        materials: Materials,
        bench: Bench,
        provenance: Mapping[str, Any],
        unlabelled: tuple[str, ...] = (),
        tumour_labels: tuple[str, ...] = (),
        progress: FitProgress | None = None,
        threads: int = 1,
    ):
        self.materials = materials
        self.bench = bench
        self.provenance = provenance
        self.progress = progress
        self.threads = threads
        self.unlabelled = unlabelled
        self.tumour_labels = tumour_labels
        self.judge = Judge(materials, unlabelled, tumour_labels)

    def run(self, job: Job) -> Iterator[Record]:
        """Yield one Record per seed of the job, each as soon as it exists."""
        try:
            tuning, tuning_seconds = self._tune(job)
        except (UsageError, KeyboardInterrupt):
            raise
        except Exception as error:
            for seed in job.keys:
                yield failed_record(job, seed, error, self.provenance, "inner loop: ")
            return
        for seed in job.keys:
            try:
                yield self._evaluate(job, seed, tuning, tuning_seconds)
            except (UsageError, KeyboardInterrupt):
                raise
            except Exception as error:
                yield failed_record(job, seed, error, self.provenance)

    def _tune(self, job: Job) -> tuple[Tuning | None, float | None]:
        """The inner loop's outcome and its seconds; known already, or None where there is no inner loop."""
        if job.tuning is not None:
            return Tuning.from_plain(job.tuning), None
        if not job.inner.folds:
            return None, None

        def fit_curve(settings: Mapping[str, Any], fold: Fold) -> Sequence[float]:
            label = f"{job.row.method} · fold {job.fold.name} · inner {fold.name}"
            return self._conduct(job, settings, job.epochs, job.tuning_seed, label, fold).curve

        folds = self._inner_folds(job)
        if not folds:
            raise CannotFit("nothing can be scored on any validation slide: too few spots with enough counts")
        tuning, cost = measured(lambda: tune(job.settings, folds, fit_curve))
        return tuning, cost.seconds

    def _inner_folds(self, job: Job) -> list[Fold]:
        """The inner folds in which there is something to score on."""
        materials = self.materials.fold(job.fold)
        return [fold for fold in job.inner.folds if materials.judgeable(fold.test)]

    def _conduct(
        self, job: Job, settings: Mapping[str, Any], epochs: int | None, seed: int, label: str, fold: Fold
    ) -> _Conducted:
        """Fit on a fold's training slides and predict its test slides: an inner fold's at every epoch, each scored."""
        materials, card = self.materials.fold(job.fold), job.contestant.card
        inner = fold != job.fold
        inputs = fit_inputs(materials, card, fold.train, fold.test if inner else ())
        queries = inputs.queries or [
            materials.query_handout(name, query_id, card) for query_id, name in _query_ids(fold).items()
        ]
        trial = Trial(
            plugin=job.contestant.place,
            settings=settings,
            epochs=epochs,
            seed=seed,
            device=self.materials.design.device,
            threads=self.threads,
            train=tuple(inputs.train),
            queries=tuple(queries),
            predicted="while it trains" if inner else "once it is fitted",
            light=card.kind == "floor",
        )
        ear = _Listening(inputs.judge, label, self.progress)
        return _Conducted(self.bench.conduct(trial, ear), inputs.scaling, ear.curve)

    def _evaluate(self, job: Job, seed: int, tuning: Tuning | None, tuning_seconds: float | None) -> Record:
        """Refit on all outer training slides with what the inner loop chose, predict and score the test slides."""
        panel = self.materials.fold(job.fold).panel
        settings = tuning.settings if tuning else job.settings[0]
        epochs = tuning.epochs if tuning and tuning.epochs is not None else job.epochs
        label = f"{job.row.method} · fold {job.fold.name}"
        result, scaling, _ = self._conduct(job, settings, epochs, seed, label, job.fold)
        facts, names = result.facts, _query_ids(job.fold)
        # Rounded to the precision that is stored before they are scored, so that anyone can score them again.
        predictions = {
            name: scaling.invert(predicted).astype(np.float32)
            for name, predicted in zip(names.values(), result.predictions, strict=True)
        }
        scored = [self.judge.score(job.fold, name, values) for name, values in predictions.items()]
        unmeasured = {name: self.judge.n_left_out(job.fold, name) for name in job.fold.test}
        filled = {name: self.materials.n_filled(name, job.contestant.card) for name in job.fold.test}
        n_inner_left_out = len(job.inner.folds) - len(self._inner_folds(job))
        warned = [by_name(sentence, names) for sentence in facts.warned]
        n_spots = sum(len(values) for values in predictions.values())
        return Record(
            **identity(job, seed),
            leaky=panel.leaky,
            panel_note=panel.note,
            panel_hash=panel.hash,
            panel_genes=panel.genes,
            settings=facts.settings,
            tuning=tuning.to_plain() if tuning else {},
            slides=tuple(scores for _, scores in scored),
            cost={**cost_of(facts), "n_spots_predicted": n_spots, "tuning_seconds": tuning_seconds},
            published_steps=job.contestant.card.steps_published(job.row.variant),
            pretrained=facts.pretrained,
            notes=(*notes_of(job, tuning, facts.notes, n_inner_left_out, unmeasured, filled), *warned),
            sealed=result.sealed,
            unlabelled=self.unlabelled,
            tumour_labels=self.tumour_labels,
            provenance=stamped(self.provenance),
            predictions=predictions,
            training=vars(self.judge.training(job.fold)),
            truths={truth.slide: truth for truth, _ in scored},
        )


def _query_ids(fold: Fold) -> dict[str, str]:
    """The test slides of a fold by the opaque names under which a method meets them."""
    return {f"query-{i}": name for i, name in enumerate(fold.test)}


def with_tuning(job: Job, seeds: Sequence[int], tuning: Mapping[str, Any] | None) -> Job:
    """The same job for some of its seeds only, with the inner loop's outcome where it is known already."""
    return replace(job, keys={seed: job.keys[seed] for seed in seeds}, tuning=tuning)
