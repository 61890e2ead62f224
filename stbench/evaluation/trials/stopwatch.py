"""What fitting and predicting with one method costs, measured in the process that calls.

Seconds are the least of several tries: whatever else the machine is at can only add to them. The first epoch, the
first prediction and the first matrix product are not timed, since memory and libraries are made ready there. Nor is
the second epoch, in which operations are counted.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from stbench.contract import FitContext, Method
from stbench.errors import MethodError
from stbench.evaluation.cost import counting, measured, operations
from stbench.evaluation.trials import handouts
from stbench.evaluation.trials.child import Loading, Task, Voice
from stbench.evaluation.trials.conduct import build
from stbench.evaluation.trials.repeating import done_repeatably, on_device
from stbench.metrics.prediction import check_prediction
from stbench.slide import QuerySlide, TrainingSlide

if TYPE_CHECKING:
    from torch.utils.flop_counter import FlopCounterMode

MATRIX_EDGE = 2048
_TIMED_PREDICTIONS = 3
_LONG = 20.0  # seconds of a prediction beside which making ready is nothing
_TIMED_PRODUCTS = 2  # before the fit, and again after the last prediction


@dataclass(frozen=True)
class Timed:
    """What is timed: settings, device, and epochs timed after the first (fits, where the method has no epochs)."""

    settings: Mapping[str, Any]
    device: str
    epochs_timed: int


def time_trial(work: Mapping[str, Any], arrays: Sequence[np.ndarray]) -> Task:
    """A child's task: what the trial costs by name, and "matrix_gflops", the machine's rate before and after."""
    slides: list[Any] = [handout.open() for handout in handouts.unpacked(work["slides"], arrays)]
    query, *train = slides

    def task(load: Loading, voice: Voice) -> tuple[Any, Sequence[np.ndarray]]:
        timed = Timed(**work["timed"])
        voice.say("matrix_gflops", matrix_rate(timed.device) / 1e9)
        watch = Stopwatch(timed, train, query, load())
        with on_device(timed.device):
            costs, _ = done_repeatably(watch.costs, timed.device)  # as a run's trials do it
        voice.say("matrix_gflops", matrix_rate(timed.device) / 1e9)
        return costs, []

    return task


class Stopwatch:
    """Fits and predicts with a method, again and again, always from the same inputs and seed."""

    def __init__(
        self, timed: Timed, train: Sequence[TrainingSlide], query: QuerySlide, method_class: type[Method]
    ):
        self.timed, self.train, self.query, self.method_class = timed, train, query, method_class
        self.has_epochs = "epochs" in method_class.defaults()
        self.n_genes = train[0].expression.shape[1]
        self._n_queries = 0

    def costs(self) -> dict[str, Any]:
        """Everything that is measured; a value that does not exist is None. Memory is the GPU's on a GPU."""
        timed_fit, device = self.epochs if self.has_epochs else self.fits, self.timed.device
        (method, seconds, counted), fit_cost = measured(timed_fit, device)
        prediction_seconds, predict_cost = measured(lambda: self.prediction_seconds(method), device)
        n_spots, parameters = self.query.n_spots, method.parameter_count()
        peak = "peak_gpu_memory_mb" if self.timed.device.startswith("cuda") else "peak_memory_mb"
        return {
            "seconds_per_epoch": seconds if self.has_epochs else None,
            "seconds_per_fit": None if self.has_epochs else seconds,
            "seconds_per_1000_spots": prediction_seconds / n_spots * 1000,
            "peak_memory_mb": max(getattr(fit_cost, peak), getattr(predict_cost, peak)),
            "parameters": parameters.total,
            "trainable_parameters": parameters.trainable,
            "flops_forward": self.prediction_operations(method),
            "flops_epoch": counted,
            "n_spots": n_spots,
            "n_train_spots": sum(slide.n_spots for slide in self.train),
            "n_genes": self.n_genes,
        }

    def fitted(self, epochs: int, after_epoch: Callable[[], None] = lambda: None) -> Method:
        """The method after so many epochs, if it has any; `after_epoch` is called when each has ended."""
        settings: Mapping[str, Any] = self.timed.settings
        if self.has_epochs:
            settings = {**settings, "epochs": epochs}
        method = build(self.method_class, settings, None)
        context = FitContext(device=self.timed.device, progress=lambda *_: after_epoch())
        method.fit(self.train, context=context)
        return method

    def epochs(self) -> tuple[Method, float, float | None]:
        """A fitted method, the least seconds that an epoch after the second took, and the second's operations."""
        second, ends = _SecondEpoch(), list[float]()

        def note_end() -> None:
            await_device(self.timed.device)
            ends.append(time.perf_counter())
            second.after_epoch(len(ends))

        epochs = 2 + self.timed.epochs_timed
        with second:
            method = self.fitted(epochs, note_end)
        _check_told(len(ends), epochs)
        return method, float(np.diff(ends[1:]).min()), second.operations

    def fits(self) -> tuple[Method, float, None]:
        """A fitted method, the least seconds that a fit after the first took, and no operations of epochs."""
        tries = 1 + self.timed.epochs_timed
        seconds = [seconds_of(lambda: self.fitted(0), self.timed.device) for _ in range(tries)]
        return self.fitted(0), min(seconds[1:]), None

    def prediction_seconds(self, method: Method) -> float:
        """The least seconds that predicting the query slide took after a first time; a long first time counts."""
        first = self._one_prediction(method)
        if first >= _LONG:
            return first
        return min(self._one_prediction(method) for _ in range(_TIMED_PREDICTIONS))

    def _one_prediction(self, method: Method) -> float:
        return seconds_of(partial(method.predict, self.new_query()), self.timed.device)

    def prediction_operations(self, method: Method) -> float | None:
        """Floating-point operations of predicting the query slide; MethodError where a prediction is not whole."""
        query, predictions = self.new_query(), []
        counted = operations(lambda: predictions.append(method.predict(query)))
        check_prediction(predictions[0], query.n_spots, self.n_genes)
        return counted

    def new_query(self) -> QuerySlide:
        """The query slide under a name of its own each time, so that nothing can be remembered."""
        self._n_queries += 1
        return replace(self.query, id=f"query-{self._n_queries}")


class _SecondEpoch(contextlib.ExitStack):
    """Counts floating-point operations from the end of the first epoch to that of the second, for whom that is told.

    operations  None where none were counted
    """

    operations: float | None = None
    _counter: FlopCounterMode | None = None

    def after_epoch(self, epoch: int) -> None:
        """That many epochs have ended."""
        if epoch == 1:
            self._counter = self.enter_context(counting())
        elif epoch == 2 and self._counter:
            self.close()
            self.operations = float(self._counter.get_total_flops()) or None


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
