"""Intervals of a mean over patients, from three patients on; below that there is a range and no interval.

A correlation's interval is a t interval of Fisher's z, which stays within -1 and 1; differences and all other scores
have the plain one. Resampling patients and then their slides undercovers badly with few patients (simulated coverage
0.57 to 0.82 at 2 to 4), so the bootstrap is offered from 8 patients on, as a sensitivity check.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from stbench.reporting.statistics.averages import mean, standard_deviation

LEAST_FOR_INTERVAL = 3
LEAST_PATIENTS_TO_RESAMPLE = 8
# Fisher's z of 1 is infinite.
LARGEST_CORRELATION = 1 - 1e-6
_N_RESAMPLES = 10_000

Interval = tuple[float, float]


def t_interval(values: Iterable[float], level: float = 0.95) -> Interval | None:
    """Two-sided t interval of the mean, None with fewer than three values.

    mean -+ t(level, n - 1) * s / sqrt(n), with the sample standard deviation s (n - 1).
    """
    values = list(values)
    centre, spread = mean(values), standard_deviation(values)
    if centre is None or spread is None or len(values) < LEAST_FOR_INTERVAL:
        return None
    half = t_quantile(len(values) - 1, level) * spread / math.sqrt(len(values))
    return centre - half, centre + half


def t_quantile(degrees: float, level: float) -> float:
    """Student's t that `level` of the distribution lies within, both sides."""
    from scipy.special import stdtrit  # here, because loading it takes longer than printing a table

    return float(stdtrit(degrees, 0.5 + level / 2))


def fisher_z(correlation: float) -> float:
    """Fisher's z = atanh(r) of a correlation, clipped at +-(1 - 1e-6)."""
    return math.atanh(min(max(correlation, -LARGEST_CORRELATION), LARGEST_CORRELATION))


def score_interval(values: Iterable[float], correlation: bool, level: float = 0.95) -> Interval | None:
    """Interval of a score's mean over patients, None with fewer than three.

    values       one score a patient
    correlation  whether the score is one: then the t interval of Fisher's z, else the plain one
    """
    values = list(values)
    if not correlation:
        return t_interval(values, level)
    ends = t_interval(map(fisher_z, values), level)
    return (math.tanh(ends[0]), math.tanh(ends[1])) if ends else None


def value_range(values: Iterable[float]) -> Interval | None:
    """Smallest and largest value: no interval, and all that two patients can show; None below two."""
    values = list(values)
    return (min(values), max(values)) if len(values) >= 2 else None


def bootstrap_interval(
    by_patient: Mapping[str, Sequence[float]], level: float = 0.95, seed: int = 0
) -> Interval | None:
    """Percentile interval of the mean of patient means: patients are drawn again, then slides within each.

    by_patient: patient -> its slides' scores; a patient without any is not counted. None below 8 patients.
    """
    scored = {patient: slides for patient, slides in by_patient.items() if len(slides)}
    if len(scored) < LEAST_PATIENTS_TO_RESAMPLE:
        return None
    random = np.random.default_rng(seed)
    scores = [np.asarray(scored[patient], dtype=float) for patient in sorted(scored)]
    drawn = random.integers(len(scores), size=(_N_RESAMPLES, len(scores)))
    means = np.empty(drawn.shape)
    for i, slides in enumerate(scores):
        at = np.nonzero(drawn == i)
        slides_drawn = random.integers(len(slides), size=(len(at[0]), len(slides)))
        means[at] = slides[slides_drawn].mean(axis=1)
    low, high = np.quantile(means.mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
