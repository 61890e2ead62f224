"""How long the trials of a run will take, and how much memory the largest needs: a guess that says what it rests on.

By what trials of the same method took that are stored under this --out, per training spot and epoch; else by what was
measured for leaderboards/costs, scaled by training spots, epochs and the speed of this machine; else nobody knows.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import cache
from statistics import median
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from stbench.commands.measured_costs import measured_costs
from stbench.commands.slide_sizes import spots_of
from stbench.evaluation.contestant import Contestant
from stbench.evaluation.plan import Job
from stbench.preprocess.encoders import DEFAULT_ENCODER

if TYPE_CHECKING:
    from stbench.commands.prepared_run import PreparedRun

Basis = Literal["stored trials", "leaderboards/costs", "unknown"]
# What a trial takes besides its fit (a process, a panel, scores), and what a refit does (all scores, MLflow's maps).
_AROUND_A_FIT, _AROUND_A_REFIT = 0.6, 1.5
# Of a fit in stages: its share of the epochs, times how many of four settings get there for one block or the other.
_OF_STAGES = (0.25, 0.25 * 0.75, 0.5 * 0.45)
# Libraries, processes and the first panel before a run's first trial, and MLflow after its last; in seconds.
_AROUND_A_RUN = 10.0
# What was measured for leaderboards/costs trained on two slides of another data set: SpaHGC's operations for each spot
# are 1.7 times as many on the demo's three, and fits beside each other share a machine's memory.
_AT_MOST = 2.0
# The default encoder on two cores (30 to 58 were measured); what others take is not known.
_PATCHES_PER_SECOND = 40.0
_UNKNOWN_FIT, _UNKNOWN_MEMORY_MB = 1.0, 1000.0
_CALIBRATION_SECONDS, _CALIBRATION_SIZE = 0.5, 1024


class Rate(NamedTuple):
    """What a method costs: seconds per training spot and epoch (or fit, without epochs), peak memory in MB.

    peak_gpu_memory_mb  of a card's memory, None where nobody has measured it
    """

    seconds: float
    peak_memory_mb: float
    basis: Basis
    peak_gpu_memory_mb: float | None = None


class Expected(NamedTuple):
    """What a run's trials are expected to take.

    seconds             of each trial, by key;  by_method  their sum and what it rests on
    peak_gpu_memory_mb  of the largest trial of a network, None where one was never measured
    embedding           seconds of embedding all slides, if none of them has been yet
    """

    seconds: Mapping[str, float]
    by_method: Mapping[str, tuple[float, Basis]]
    peak_memory_mb: float
    peak_gpu_memory_mb: float | None = None
    embedding: float = 0.0

    @property
    def total(self) -> float:
        return sum(self.seconds.values())

    def between(self, workers: int) -> tuple[float, float]:
        """Least and most seconds of the whole run by so many workers; one number where trials of this data set say."""
        if not self.seconds:
            return 0.0, 0.0
        least = self.total / workers + _AROUND_A_RUN
        if all(basis == "stored trials" for _, basis in self.by_method.values()):
            return least, least
        return least, _AT_MOST * self.total / workers + _AROUND_A_RUN + self.embedding

    @property
    def unknown(self) -> list[str]:
        """Methods of which nobody knows what they cost."""
        return [name for name, (_, basis) in self.by_method.items() if basis == "unknown"]


def expected_seconds(prepared: PreparedRun, pending: Sequence[Job]) -> Expected:
    """What the work that pending jobs wait for is expected to take on this machine, by one worker."""
    guess = _Guess(prepared, pending)
    seconds: dict[str, float] = {}
    by_method: dict[str, tuple[float, Basis]] = {}
    for key, trial in prepared.trials_to_do(pending).items():
        about = (trial.contestant, trial.fold.train, trial.points[0], trial.epochs)
        guess.add(
            seconds, by_method, key, *about, share=1.0 if trial.stage is None else _OF_STAGES[trial.stage]
        )
    for job in pending:
        for key in job.keys.values():
            about = (job.contestant, job.fold.train, job.settings[0], job.epochs)
            guess.add(seconds, by_method, key, *about, around=_AROUND_A_REFIT)
    peak = max((rate.peak_memory_mb for rate in guess.rates.values()), default=_UNKNOWN_MEMORY_MB)
    networks = {job.contestant.name for job in pending if not job.contestant.is_floor}
    on_card = [guess.rates[name].peak_gpu_memory_mb for name in networks]
    known = [megabytes for megabytes in on_card if megabytes is not None]
    peak_on_card = max(known, default=0.0) if len(known) == len(on_card) else None
    return Expected(seconds, by_method, peak, peak_on_card, _embedding(prepared, pending, guess.spots))


def _embedding(prepared: PreparedRun, pending: Sequence[Job], spots: Mapping[str, int]) -> float:
    """Seconds of the default encoder for the slides of a run that asks for embeddings; 0 where nobody knows."""
    wanted = any(job.contestant.card.needs.embeddings for job in pending)
    known = prepared.design.encoder == DEFAULT_ENCODER and prepared.design.device == "cpu"
    return sum(spots.values()) / _PATCHES_PER_SECOND if wanted and known else 0.0


class _Guess:
    """Knows each method's rate and each slide's spots."""

    def __init__(self, prepared: PreparedRun, pending: Sequence[Job]):
        self.spots = spots_of(prepared.sources, prepared.card)
        contestants = {job.row.method: job.contestant for job in pending}
        stored = _stored_rates(prepared, self.spots, contestants)
        on_cpu = prepared.design.device == "cpu"
        measured = measured_rates() if on_cpu and not contestants.keys() <= stored.keys() else {}
        unknown = Rate(0.0, _UNKNOWN_MEMORY_MB, "unknown")
        self.rates = {name: stored.get(name) or measured.get(name, unknown) for name in contestants}

    def add(
        self,
        seconds: dict[str, float],
        by_method: dict[str, tuple[float, Basis]],
        key: str,
        contestant: Contestant,
        train: Sequence[str],
        settings: Mapping[str, Any],
        bound: int | None,
        around: float = _AROUND_A_FIT,
        share: float = 1.0,
    ) -> None:
        """Add what one fit is expected to take."""
        rate = self.rates[contestant.name]
        n_spots = sum(self.spots[name] for name in train)
        fit = share * rate.seconds * n_spots * epochs_of(contestant, settings, bound)
        seconds[key] = around + (fit if rate.basis != "unknown" else _UNKNOWN_FIT)
        so_far = by_method.get(contestant.name, (0.0, rate.basis))[0]
        by_method[contestant.name] = (so_far + seconds[key], rate.basis)


def epochs_of(contestant: Contestant, settings: Mapping[str, Any], bound: int | None) -> int:
    """Epochs that a method trains with these settings, 1 for one without."""
    own = {**_defaults(contestant), **settings}.get("epochs")
    if not isinstance(own, int):
        return 1
    return max(1, own if bound is None else min(own, bound))


def _defaults(contestant: Contestant) -> Mapping[str, Any]:
    """A method's defaults, as its own code says; none where it does not load."""
    from stbench.errors import StbenchError
    from stbench.evaluation.trials.describe import defaults_of

    if contestant.is_floor or not contestant.place.module:
        return {}
    try:
        return defaults_of(contestant.place)
    except StbenchError:
        return {}


def _stored_rates(
    prepared: PreparedRun, spots: Mapping[str, int], contestants: Mapping[str, Contestant]
) -> dict[str, Rate]:
    """Rates by what the Records of the same data under this --out took."""
    found: dict[str, list[tuple[float, float, float | None]]] = {}
    device = prepared.design.device.partition(":")[0]
    for record in prepared.store.records()[0]:
        seconds, contestant = record.cost.get("fit_seconds"), contestants.get(record.row.method)
        same_device = str(record.provenance.get("device", "")).partition(":")[0] == device
        known = all(name in spots for name in record.train_slides)
        if contestant and seconds is not None and same_device and known:
            n_spots = sum(spots[name] for name in record.train_slides)
            work = n_spots * max(1.0, float(record.cost.get("epochs") or 1))
            memory = float(record.cost.get("peak_memory_mb") or _UNKNOWN_MEMORY_MB)
            on_card = record.cost.get("peak_gpu_memory_mb")
            found.setdefault(record.row.method, []).append((seconds / work, memory, on_card))
    return {name: _of_stored(of) for name, of in found.items()}


def _of_stored(costs: Sequence[tuple[float, float, float | None]]) -> Rate:
    """The rate of trials by their seconds, memory and, where it was measured, memory of a card."""
    on_card = [megabytes for _, _, megabytes in costs if megabytes is not None]
    return Rate(
        median(seconds for seconds, _, _ in costs),
        max(megabytes for _, megabytes, _ in costs),
        "stored trials",
        max(on_card, default=None),
    )


@cache
def measured_rates() -> dict[str, Rate]:
    """Rates by what was measured on processors for leaderboards/costs, at the speed of this machine."""
    costs = measured_costs()
    speed = matrix_gflops() if costs else 1.0
    found = {}
    for method, (row, gflops) in costs.items():
        seconds = row["seconds_per_epoch"] or row["seconds_per_fit"]
        if seconds and row["n_train_spots"]:
            here = seconds / row["n_train_spots"] * gflops / speed
            found[method] = Rate(here, float(row["peak_memory_mb"]), "leaderboards/costs")
    return found


def matrix_gflops() -> float:
    """How fast one thread of this machine multiplies matrices of single precision, measured for half a second.

    By the processor's time: other work beside it makes a run longer, and the machine no slower.
    """
    import threadpoolctl

    matrix = np.ones((_CALIBRATION_SIZE, _CALIBRATION_SIZE), dtype=np.float32)
    best, until = np.inf, time.perf_counter() + _CALIBRATION_SECONDS
    with threadpoolctl.threadpool_limits(1):
        while time.perf_counter() < until:
            started = time.thread_time()
            np.matmul(matrix, matrix)
            best = min(best, time.thread_time() - started)
    return 2 * _CALIBRATION_SIZE**3 / best / 1e9
