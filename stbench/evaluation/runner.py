"""One job -> its Records: tune on inner folds, refit on the outer training slides, predict and score the test ones.

The runner yields Records and writes nothing. A method that fails leaves a Record with its reason; unusable input
(UsageError) is nobody's result and is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from stbench.contract import FitContext, FitReport, Method
from stbench.errors import CannotFit, MethodError, UsageError
from stbench.evaluation.cost import Cost, measured, operations
from stbench.evaluation.fit_inputs import fit_inputs
from stbench.evaluation.folds import Fold
from stbench.evaluation.judging import Judge
from stbench.evaluation.materials import Materials
from stbench.evaluation.method_warnings import by_name, hearing
from stbench.evaluation.outcome import cost_of, failed_record, identity, notes_of, reason_of, stamped
from stbench.evaluation.plan import Job
from stbench.evaluation.tuning import Tuning, tune
from stbench.metrics.prediction import check_prediction
from stbench.preprocess.expression import Scaling
from stbench.record import Record

__all__ = ["FitProgress", "Runner", "build", "failed_record", "with_tuning"]

# Tells of a fit's progress: (what is being fitted, epochs done, epochs in all, latest validation score)
FitProgress = Callable[[str, int, int, float | None], None]


class _Fitted(NamedTuple):
    """What a fit left: its report, the scaling of its predictions, its cost, the score at each checkpoint."""

    report: FitReport
    scaling: Scaling
    cost: Cost
    curve: list[float]


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
        self.progress = progress
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
            reason = f"inner loop: {reason_of(error)}"
            yield from (failed_record(job, seed, reason, self.provenance) for seed in job.keys)
            return
        for seed in job.keys:
            try:
                yield self._evaluate(job, seed, tuning, tuning_seconds)
            except (UsageError, KeyboardInterrupt):
                raise
            except Exception as error:
                yield failed_record(job, seed, reason_of(error), self.provenance)

    def _tune(self, job: Job) -> tuple[Tuning | None, float | None]:
        """The inner loop's outcome and its seconds; known already, or None where there is no inner loop."""
        if job.tuning is not None:
            return Tuning.from_plain(job.tuning), None
        if not job.inner.folds:
            return None, None

        def fit_curve(settings: Mapping[str, Any], fold: Fold) -> Sequence[float]:
            method = build(self.method_class(job.row.method), settings, job.epochs)
            label = f"{job.row.method} · fold {job.fold.name} · inner {fold.name}"
            return self._fit(job, method, job.tuning_seed, label, fold.train, fold.test).curve

        folds = self._inner_folds(job)
        if not folds:
            raise CannotFit("nothing can be scored on any validation slide: too few spots with enough counts")
        tuning, cost = measured(lambda: tune(job.settings, folds, fit_curve))
        return tuning, cost.seconds

    def _inner_folds(self, job: Job) -> list[Fold]:
        """The inner folds in which there is something to score on."""
        materials = self.materials.fold(job.fold)
        return [fold for fold in job.inner.folds if materials.judgeable(fold.test)]

    def _fit(
        self,
        job: Job,
        method: Method,
        seed: int,
        label: str,
        train: Sequence[str],
        validation: Sequence[str] = (),
    ) -> _Fitted:
        """Fit on the slides named `train`; with validation slides, each epoch's predictions are scored on them."""
        inputs = fit_inputs(self.materials.fold(job.fold), job.contestant.card, train, validation)
        curve: list[float] = []

        def hand_over(checkpoint: int, predictions: Sequence[np.ndarray]) -> None:
            if inputs.judge is not None:
                curve.append(inputs.judge(predictions))

        def progress(done: int, total: int) -> None:
            if self.progress is not None:
                self.progress(label, done, total, curve[-1] if curve else None)

        context = FitContext(seed, self.materials.design.device, progress, hand_over)
        checkpoints = range(1, method.settings().get("epochs", 0) + 1)
        try:
            report, cost = measured(lambda: method.fit(inputs.train, inputs.queries, checkpoints, context))
        except UsageError as error:  # the method's own trouble, not unusable input: a row with its reason
            raise MethodError(str(error)) from error
        return _Fitted(report, inputs.scaling, cost, curve)

    def _evaluate(self, job: Job, seed: int, tuning: Tuning | None, tuning_seconds: float | None) -> Record:
        """Refit on all outer training slides with what the inner loop chose, predict and score the test slides."""
        panel = self.materials.fold(job.fold).panel
        method = build(
            self.method_class(job.row.method),
            tuning.settings if tuning else job.settings[0],
            tuning.epochs if tuning and tuning.epochs is not None else job.epochs,
        )
        label = f"{job.row.method} · fold {job.fold.name}"
        report, scaling, fit_cost, _ = self._fit(job, method, seed, label, job.fold.train)
        predictions, cost, warned = self._predict(job, method, scaling, fit_cost)
        scored = [self.judge.score(job.fold, name, values) for name, values in predictions.items()]
        unmeasured = {name: self.judge.n_left_out(job.fold, name) for name in job.fold.test}
        filled = {name: self.materials.n_filled(name, job.contestant.card) for name in job.fold.test}
        n_inner_left_out = len(job.inner.folds) - len(self._inner_folds(job))
        return Record(
            **identity(job, seed),
            leaky=panel.leaky,
            panel_note=panel.note,
            panel_hash=panel.hash,
            panel_genes=panel.genes,
            settings=method.settings(),
            tuning=tuning.to_plain() if tuning else {},
            slides=tuple(scores for _, scores in scored),
            cost={
                **cost,
                "tuning_seconds": tuning_seconds,
                "epochs": report.epochs,
                "steps": report.steps,
            },
            published_steps=job.contestant.card.steps_published(job.row.variant),
            pretrained=report.pretrained,
            notes=(*notes_of(job, tuning, report, n_inner_left_out, unmeasured, filled), *warned),
            unlabelled=self.unlabelled,
            tumour_labels=self.tumour_labels,
            provenance=stamped(self.provenance),
            predictions=predictions,
            training=vars(self.judge.training(job.fold)),
            truths={truth.slide: truth for truth, _ in scored},
        )

    def _predict(
        self, job: Job, method: Method, scaling: Scaling, fit_cost: Cost
    ) -> tuple[dict[str, np.ndarray], dict[str, float | None], list[str]]:
        """Predictions for all spots of the test slides on the log scale, what fit and predict cost, and
        what the method warned of.

        They are rounded to the precision that is stored before they are scored, so that anyone can score them again.
        """
        fold, card = self.materials.fold(job.fold), job.contestant.card
        names = {f"query-{i}": name for i, name in enumerate(job.fold.test)}
        queries = [fold.query_slide(name, query_id, card) for query_id, name in names.items()]
        (scaled, predict_cost), heard = hearing(
            lambda: measured(lambda: [method.predict(query) for query in queries])
        )
        warned = [by_name(sentence, names) for sentence in heard]
        shapes = [(query.n_spots, len(fold.panel.genes)) for query in queries]
        predictions = {
            name: scaling.invert(check_prediction(prediction, *shape)).astype(np.float32)
            for name, prediction, shape in zip(names.values(), scaled, shapes, strict=True)
        }
        cost = {
            **cost_of(method, fit_cost, predict_cost),
            "flops_forward": hearing(lambda: operations(lambda: method.predict(queries[0])))[0],
            "n_spots_predicted": sum(query.n_spots for query in queries),
        }
        return predictions, cost, warned


def build(method_class: type[Method], settings: Mapping[str, Any], epochs: int | None) -> Method:
    """A method with those settings; a bound on epochs lowers its own, where it has epochs at all."""
    method_class.check_settings(settings)
    effective = method_class.defaults() | dict(settings)
    if "epochs" in effective and epochs is not None:
        return method_class(**{**settings, "epochs": min(epochs, effective["epochs"])})
    return method_class(**settings)


def with_tuning(job: Job, seeds: Sequence[int], tuning: Mapping[str, Any] | None) -> Job:
    """The same job for some of its seeds only, with the inner loop's outcome where it is known already."""
    return replace(job, keys={seed: job.keys[seed] for seed in seeds}, tuning=tuning)
