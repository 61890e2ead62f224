"""One job -> its Records: tune on inner folds, refit on the outer training slides, predict and score the test ones.

The runner yields Records and writes nothing. A method that fails leaves a Record with its reason; unusable input
(UsageError) is nobody's result and is raised.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from stbench.contract import FitContext, FitReport, Method
from stbench.errors import MethodError, UsageError
from stbench.evaluation.cost import Cost, measured, operations
from stbench.evaluation.fit_inputs import fit_inputs
from stbench.evaluation.folds import Fold
from stbench.evaluation.materials import Materials
from stbench.evaluation.plan import Job
from stbench.evaluation.scoring import SlideScorer
from stbench.evaluation.tuning import Tuning, tune
from stbench.metrics.prediction import check_prediction
from stbench.metrics.training import TrainingSummary
from stbench.preprocess.expression import Scaling
from stbench.record import Record, SlideScores, SlideTruth

# Tells of a fit's progress: (what is being fitted, epochs done, epochs in all, latest validation score)
FitProgress = Callable[[str, int, int, float | None], None]


class Runner:
    """Runs the jobs of one run.

    method_class  the plugin's class by name
    provenance    versions, git state and machine, copied into every Record
    """

    def __init__(
        self,
        materials: Materials,
        method_class: Callable[[str], type[Method]],
        provenance: Mapping[str, Any],
        unlabelled: tuple[str, ...] = (),
        tumour_labels: tuple[str, ...] = (),
        progress: FitProgress | None = None,
    ):
        self.materials = materials
        self.method_class = method_class
        self.provenance = provenance
        self.unlabelled = unlabelled
        self.tumour_labels = tumour_labels
        self.progress = progress
        self._scorers: dict[tuple[Fold, str], tuple[SlideScorer, SlideTruth, np.ndarray]] = {}

    def run(self, job: Job) -> Iterator[Record]:
        """Yield one Record per seed of the job, each as soon as it exists."""
        try:
            tuning, tuning_seconds = self._tune(job)
        except (UsageError, KeyboardInterrupt):
            raise
        except Exception as error:
            reason = f"inner loop: {_reason(error)}"
            yield from (failed_record(job, seed, reason, self.provenance) for seed in job.keys)
            return
        for seed in job.keys:
            try:
                yield self._evaluate(job, seed, tuning, tuning_seconds)
            except (UsageError, KeyboardInterrupt):
                raise
            except Exception as error:
                yield failed_record(job, seed, _reason(error), self.provenance)

    def _tune(self, job: Job) -> tuple[Tuning | None, float | None]:
        """The inner loop's outcome and its seconds; known already, or None where there is no inner loop."""
        if job.tuning is not None:
            return Tuning.from_plain(job.tuning), None
        if not job.inner.folds:
            return None, None

        def fit_curve(settings: Mapping[str, Any], fold: Fold) -> Sequence[float]:
            method = build(self.method_class(job.row.method), settings, job.epochs)
            label = f"{job.row.method} · fold {job.fold.name} · inner {fold.name}"
            return self._fit(job, method, job.tuning_seed, label, fold.train, fold.test)[0].curve

        tuning, cost = measured(lambda: tune(job.settings, job.inner.folds, fit_curve))
        return tuning, cost.seconds

    def _fit(
        self,
        job: Job,
        method: Method,
        seed: int,
        label: str,
        train: Sequence[str],
        validation: Sequence[str] = (),
    ) -> tuple[FitReport, Scaling, Cost]:
        """Fit on the slides named `train`; with validation slides, each epoch's predictions are scored on them."""
        inputs = fit_inputs(self.materials.fold(job.fold), job.contestant.card, train, validation)
        tell = self.progress
        context = FitContext(
            seed=seed,
            device=self.materials.design.device,
            progress=(lambda done, total, score: tell(label, done, total, score)) if tell else None,
        )
        report, cost = measured(lambda: method.fit(inputs.train, inputs.validation, inputs.score, context))
        return report, inputs.scaling, cost

    def _evaluate(self, job: Job, seed: int, tuning: Tuning | None, tuning_seconds: float | None) -> Record:
        """Refit on all outer training slides with what the inner loop chose, predict and score the test slides."""
        fold = self.materials.fold(job.fold)
        method = build(
            self.method_class(job.row.method),
            tuning.settings if tuning else job.settings[0],
            tuning.epochs if tuning and tuning.epochs is not None else job.epochs,
        )
        label = f"{job.row.method} · fold {job.fold.name}"
        report, scaling, fit_cost = self._fit(job, method, seed, label, job.fold.train)
        queries = {
            name: fold.query_slide(name, f"query-{i}", job.contestant.card)
            for i, name in enumerate(job.fold.test)
        }
        scaled, predict_cost = measured(
            lambda: {name: method.predict(query) for name, query in queries.items()}
        )
        predictions = {
            name: scaling.invert(check_prediction(prediction, queries[name].n_spots, len(fold.panel.genes)))
            for name, prediction in scaled.items()
        }
        scored = [self._score(job, name, prediction) for name, prediction in predictions.items()]
        first = next(iter(queries.values()))
        return Record(
            **_identity(job, seed),
            leaky=fold.panel.leaky,
            panel_note=fold.panel.note,
            panel_hash=fold.panel.hash,
            panel_genes=fold.panel.genes,
            settings=method.settings(),
            tuning=tuning.to_plain() if tuning else {},
            slides=tuple(scores for _, scores in scored),
            cost={
                **_cost(method, fit_cost, predict_cost),
                "tuning_seconds": tuning_seconds,
                "flops_forward": operations(lambda: method.predict(first)),
                "n_spots_predicted": sum(query.n_spots for query in queries.values()),
                "epochs": report.epochs,
            },
            pretrained=report.pretrained,
            notes=_notes(job, tuning, report),
            provenance={**self.provenance, "finished_at": _now()},
            predictions={name: prediction.astype(np.float32) for name, prediction in predictions.items()},
            truths={truth.slide: truth for truth, _ in scored},
        )

    def _score(self, job: Job, name: str, prediction: np.ndarray) -> tuple[SlideTruth, SlideScores]:
        """The truth of a test slide and the scores of a prediction over the whole panel for it."""
        scorer, truth, kept = self._scorer(job.fold, name)
        fold = self.materials.fold(job.fold)
        training = TrainingSummary.of([fold.log_expression(train)[:, kept] for train in job.fold.train])
        return truth, scorer.score(prediction[:, kept], training)

    def _scorer(self, fold: Fold, name: str) -> tuple[SlideScorer, SlideTruth, np.ndarray]:
        """The scorer of one test slide, kept while its fold lasts since every method is scored by it."""
        if (fold, name) not in self._scorers:
            self._scorers = {key: value for key, value in self._scorers.items() if key[0] == fold}
            truth, kept = self.materials.fold(fold).truth(name)
            self._scorers[fold, name] = SlideScorer(truth, self.unlabelled, self.tumour_labels), truth, kept
        return self._scorers[fold, name]


def build(method_class: type[Method], settings: Mapping[str, Any], epochs: int | None) -> Method:
    """A method with those settings; a bound on epochs lowers its own, where it has epochs at all."""
    method_class.check_settings(settings)
    effective = method_class.defaults() | dict(settings)
    if "epochs" in effective and epochs is not None:
        return method_class(**{**settings, "epochs": min(epochs, effective["epochs"])})
    return method_class(**settings)


def failed_record(job: Job, seed: int, reason: str, provenance: Mapping[str, Any]) -> Record:
    """The Record of a job that did not come to an end."""
    return Record(**_identity(job, seed), failure=reason, provenance={**provenance, "finished_at": _now()})


def with_tuning(job: Job, seeds: Sequence[int], tuning: Mapping[str, Any] | None) -> Job:
    """The same job for some of its seeds only, with the inner loop's outcome where it is known already."""
    return replace(job, keys={seed: job.keys[seed] for seed in seeds}, tuning=tuning)


def _identity(job: Job, seed: int) -> dict[str, Any]:
    return {
        "key": job.keys[seed],
        "table": job.table,
        "row": job.row,
        "kind": job.contestant.card.kind,
        "seed": seed,
        "fold": job.fold.name,
        "n_folds": job.n_folds,
        "train_slides": job.fold.train,
        "test_slides": job.fold.test,
    }


def _cost(method: Method, fit: Cost, predict: Cost) -> dict[str, float | None]:
    parameters = method.parameter_count()
    return {
        "fit_seconds": fit.seconds,
        "predict_seconds": predict.seconds,
        "peak_memory_mb": max(fit.peak_memory_mb, predict.peak_memory_mb),
        "peak_gpu_memory_mb": fit.peak_gpu_memory_mb,
        "parameters_trainable": parameters.trainable,
        "parameters_total": parameters.total,
    }


def _notes(job: Job, tuning: Tuning | None, report: FitReport) -> tuple[str, ...]:
    notes = [*report.notes, job.inner.note]
    if tuning and tuning.at_cap:
        notes.append("inner loop chose the last epoch it was allowed")
    if job.contestant.card.kind == "method" and not tuning:
        notes.append("published settings, not tuned on these training slides")
    return tuple(filter(None, notes))


def _reason(error: Exception) -> str:
    """One line that a table can hold: the error's kind, unless it is ours and speaks for itself, and its words."""
    words = " ".join(str(error).split()) or "no message"
    return words if isinstance(error, MethodError) else f"{type(error).__name__}: {words}"


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
