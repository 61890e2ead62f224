"""Many numbers in, one mean or skill out.

Conventions
    scores    slide -> number or None (undefined on that slide); an undefined score is left out of every mean
    patients  slide -> patient or None (not stated); the patient is the unit, because sections of one patient
              are near-copies
Sums are exactly rounded (math.fsum), so no result depends on the order in which its parts came.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

# Below this distance between ceiling and floor a skill would divide by noise.
LEAST_ROOM = 0.02


def mean(values: Iterable[float | None]) -> float | None:
    """Mean of the defined values, None where there are none."""
    defined = [value for value in values if value is not None]
    return math.fsum(defined) / len(defined) if defined else None


def standard_deviation(values: Iterable[float | None]) -> float | None:
    """Sample standard deviation (n - 1) of the defined values, None with fewer than two."""
    defined = [value for value in values if value is not None]
    centre = mean(defined)
    if centre is None or len(defined) < 2:
        return None
    return math.sqrt(math.fsum((value - centre) ** 2 for value in defined) / (len(defined) - 1))


def over_seeds(by_seed: Iterable[Mapping[str, float | None]]) -> dict[str, float | None]:
    """Each slide's score averaged over the seeds that have one: scores are averaged, never predictions."""
    gathered: dict[str, list[float | None]] = {}
    for scores in by_seed:
        for slide, score in scores.items():
            gathered.setdefault(slide, []).append(score)
    return {slide: mean(values) for slide, values in gathered.items()}


def patient_means(
    scores: Mapping[str, float | None], patients: Mapping[str, str | None]
) -> dict[str, float] | None:
    """Mean over slides within each patient; None where any slide's patient is not stated."""
    by_patient: dict[str, list[float | None]] = {}
    for slide, score in scores.items():
        patient = patients.get(slide)
        if patient is None:
            return None
        by_patient.setdefault(patient, []).append(score)
    means = {patient: mean(values) for patient, values in by_patient.items()}
    return {patient: value for patient, value in means.items() if value is not None}


def over_patients(scores: Mapping[str, float | None], patients: Mapping[str, str | None]) -> float | None:
    """Mean over slides within patient, then over patients; the slide mean where patients are not stated."""
    means = patient_means(scores, patients)
    return mean(scores.values() if means is None else means.values())


def n_scored_slides(scores: Mapping[str, float | None]) -> int:
    """Slides that have a score: the others are not counted."""
    return sum(score is not None for score in scores.values())


def n_scored_patients(scores: Mapping[str, float | None], patients: Mapping[str, str | None]) -> int | None:
    """Patients with a score on at least one slide; None where any slide's patient is not stated."""
    means = patient_means(scores, patients)
    return None if means is None else len(means)


def skill(score: float | None, floor: float | None, ceiling: float | None) -> float | None:
    """(score - floor) / (ceiling - floor) of mean scores; None where a part is missing or room is lacking."""
    if score is None or floor is None or ceiling is None or ceiling - floor < LEAST_ROOM:
        return None
    return (score - floor) / (ceiling - floor)
