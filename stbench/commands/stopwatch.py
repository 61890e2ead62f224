"""What fitting and predicting with one method costs, measured in the process that calls.

Seconds are the least of several tries: whatever else the machine is at can only add to them. The first epoch, the
first prediction and the first matrix product are not timed, since memory and libraries are made ready there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from stbench import registry
from stbench.contract import FitContext, Method, SlideSource
from stbench.errors import MethodError
from stbench.evaluation.cost import counting, measured, operations
from stbench.evaluation.design import Design
from stbench.evaluation.executors import limit_threads
from stbench.evaluation.fit_inputs import fit_inputs
from stbench.evaluation.folds import Fold
from stbench.evaluation.materials import Materials
from stbench.evaluation.outcome import reason_of
from stbench.evaluation.plan import Contestant
from stbench.evaluation.runner import build
from stbench.metrics.prediction import check_prediction
from stbench.slide import QuerySlide

MATRIX_EDGE = 2048
_TIMED_PREDICTIONS = 3
_LONG = 20.0  # seconds of a prediction beside which making ready is nothing
_TIMED_PRODUCTS = 2  # before the fit, and again after the last prediction


@dataclass(frozen=True)
class Trial:
    """A method to be timed: it trains on the slides named `train` and predicts `query`. Plain and picklable.

    sources       these slides, unread
    epochs_timed  epochs timed after the first; fits, where the method has no epochs
    """

    contestant: Contestant
    design: Design
    sources: tuple[SlideSource, ...]
    train: tuple[str, ...]
    query: str
    threads: int
    epochs_timed: int

    @property
    def fold(self) -> Fold:
        """The slides as a fold of an evaluation."""
        return Fold(self.query, self.train, (self.query,))

    def materials(self) -> Materials:
        """The slides, to be read when first needed."""
        return Materials(self.design, self.sources, {source.id: source.id for source in self.sources})


def measure(trial: Trial) -> dict[str, Any]:
    """What the trial costs, by the names of `stbench time --json`, and "matrix_gflops", the machine's rate.

    For a method that fails there is its reason under "failed" instead.
    """
    limit_threads(trial.threads)
    before = matrix_rate(trial.design.device)
    try:
        found = Stopwatch(trial).costs()
    except Exception as error:
        found = {"failed": reason_of(error)}
    return {**found, "matrix_gflops": max(before, matrix_rate(trial.design.device)) / 1e9}


class Stopwatch:
    """Fits and predicts with a trial's method, again and again, always from the same inputs and seed."""

    def __init__(self, trial: Trial):
        self.trial = trial
        self.card = trial.contestant.card
        self.method_class = registry.load_method(trial.contestant.name)
        self.has_epochs = "epochs" in self.method_class.defaults()
        self.fold = trial.materials().fold(trial.fold)
        self.inputs = fit_inputs(self.fold, self.card, trial.train)
        self._n_queries = 0

    def costs(self) -> dict[str, Any]:
        """Everything that is measured; a value that does not exist is None. Memory is the GPU's on a GPU."""
        timed_fit = self.epoch_seconds if self.has_epochs else self.fit_seconds
        (method, seconds), fit_cost = measured(timed_fit)
        prediction_seconds, predict_cost = measured(lambda: self.prediction_seconds(method))
        n_spots, parameters = self.fold.materials.slide(self.trial.query).n_spots, method.parameter_count()
        peak = "peak_gpu_memory_mb" if self.trial.design.device.startswith("cuda") else "peak_memory_mb"
        return {
            "seconds_per_epoch": seconds if self.has_epochs else None,
            "seconds_per_fit": None if self.has_epochs else seconds,
            "seconds_per_1000_spots": prediction_seconds / n_spots * 1000,
            "peak_memory_mb": max(getattr(fit_cost, peak), getattr(predict_cost, peak)),
            "parameters": parameters.total,
            "trainable_parameters": parameters.trainable,
            "flops_forward": self.prediction_operations(method),
            "flops_epoch": self.epoch_operations() if self.has_epochs else None,
            "n_spots": n_spots,
            "n_train_spots": sum(slide.n_spots for slide in self.inputs.train),
            "n_genes": len(self.fold.panel.genes),
        }

    def fitted(self, epochs: int, after_epoch: Callable[[], None] = lambda: None) -> Method:
        """The method after so many epochs, if it has any; `after_epoch` is called when each has ended."""
        settings: Mapping[str, Any] = self.trial.contestant.settings
        if self.has_epochs:
            settings = {**settings, "epochs": epochs}
        method = build(self.method_class, settings, None)
        context = FitContext(device=self.trial.design.device, progress=lambda *_: after_epoch())
        method.fit(self.inputs.train, context=context)
        return method

    def epoch_seconds(self) -> tuple[Method, float]:
        """A fitted method, and the least seconds that an epoch after the first took."""
        ends: list[float] = []

        def note_end() -> None:
            await_device(self.trial.design.device)
            ends.append(time.perf_counter())

        epochs = 1 + self.trial.epochs_timed
        method = self.fitted(epochs, note_end)
        _check_told(len(ends), epochs)
        return method, float(np.diff(ends).min())

    def fit_seconds(self) -> tuple[Method, float]:
        """A fitted method, and the least seconds that a fit after the first took."""
        tries = 1 + self.trial.epochs_timed
        seconds = [seconds_of(lambda: self.fitted(0), self.trial.design.device) for _ in range(tries)]
        return self.fitted(0), min(seconds[1:])

    def epoch_operations(self) -> float | None:
        """Floating-point operations of the second epoch, None where none are counted."""
        totals: list[int] = []
        with counting() as counter:
            self.fitted(2, lambda: totals.append(counter.get_total_flops()))
        _check_told(len(totals), 2)
        return float(totals[1] - totals[0]) or None

    def prediction_seconds(self, method: Method) -> float:
        """The least seconds that predicting the query slide took after a first time; a long first time counts."""
        first = self._one_prediction(method)
        if first >= _LONG:
            return first
        return min(self._one_prediction(method) for _ in range(_TIMED_PREDICTIONS))

    def _one_prediction(self, method: Method) -> float:
        return seconds_of(partial(method.predict, self.new_query()), self.trial.design.device)

    def prediction_operations(self, method: Method) -> float | None:
        """Floating-point operations of predicting the query slide; MethodError where a prediction is not whole."""
        query, predictions = self.new_query(), []
        counted = operations(lambda: predictions.append(method.predict(query)))
        check_prediction(predictions[0], query.n_spots, len(self.fold.panel.genes))
        return counted

    def new_query(self) -> QuerySlide:
        """The query slide under a name of its own each time, so that nothing can be remembered."""
        self._n_queries += 1
        return self.fold.query_slide(self.trial.query, f"query-{self._n_queries}", self.card)


def _check_told(n_told: int, epochs: int) -> None:
    """MethodError where fit told of more or fewer epochs than it was asked for."""
    if n_told != epochs:
        raise MethodError(
            f"fit told of {n_told} epochs and was asked for {epochs}; it must call context.progress after each."
        )


def matrix_rate(device: str) -> float:
    """Floating-point operations per second of a square float32 matrix product, the best of several."""
    import torch

    a, b = torch.randn(2, MATRIX_EDGE, MATRIX_EDGE, device=device)
    seconds = [seconds_of(lambda: torch.mm(a, b), device) for _ in range(1 + _TIMED_PRODUCTS)]
    return 2 * MATRIX_EDGE**3 / min(seconds[1:])


def seconds_of(work: Callable[[], object], device: str) -> float:
    """Wall seconds until the work is done on the device too."""
    started = time.perf_counter()
    work()
    await_device(device)
    return time.perf_counter() - started


def await_device(device: str) -> None:
    """Wait until the device has done what it was asked for; a CPU has."""
    import torch

    kind = device.partition(":")[0]
    if kind != "cpu":
        getattr(torch, kind).synchronize()
