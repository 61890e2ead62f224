"""Methods against one named reference, with what the number of patients can carry and no more.

One family is one table and one score: Holm's correction runs over all rivals of the reference in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stbench.reporting.statistics.averages import mean
from stbench.reporting.statistics.intervals import t_interval
from stbench.reporting.statistics.paired import (
    corrected_t,
    hodges_lehmann,
    hodges_lehmann_interval,
    rank_biserial,
    signed_rank_p,
    smallest_p,
)

SIGNIFICANT = 0.05
MARGIN = 0.01
LEAST_PATIENTS_FOR_EQUIVALENCE = 4


@dataclass(frozen=True)
class Comparison:
    """One method against the reference: differences are method minus reference, a unit each.

    unit                what is paired: "patient", or "slide" or "gene and slide", which are pseudo-replicated
    interval            95 % t interval of the mean difference
    p, p_holm           exact two-sided signed-rank p, as it is and after Holm
    smallest_p, -_holm  what that many non-zero pairs could give at best, before and after Holm
    location, location_interval, location_level   Hodges-Lehmann estimate, interval and its achieved level
    effect              rank-biserial correlation
    corrected_t         Nadeau and Bengio's t, for the patient split
    margin              the smallest margin within which the data would support equivalence
    verdict             "better", "worse", "equivalent" or "cannot be told with n=...", with "below the margin"
    """

    method: str
    reference: str
    unit: str
    n: int
    difference: float | None
    interval: tuple[float, float] | None
    p: float
    p_holm: float
    smallest_p: float
    smallest_p_holm: float
    effect: float | None
    location: float | None
    location_interval: tuple[float, float] | None
    location_level: float | None
    corrected_t: float | None
    margin: float | None
    verdict: str

    @property
    def pseudo_replicated(self) -> bool:
        """Whether what is paired are parts of one patient, which makes p too small."""
        return self.unit != "patient"


def compare_with_reference(
    scores: Mapping[str, Mapping[str, float]], reference: str, unit: str = "patient"
) -> list[Comparison]:
    """Every method of `scores` (method -> unit -> score) against `reference`, on the units that both have."""
    rivals = [name for name in sorted(scores) if name != reference]
    paired = {name: _differences(scores[name], scores[reference]) for name in rivals}
    p_values = [signed_rank_p(paired[name]) for name in rivals]
    adjusted = holm(p_values)
    return [
        _comparison(name, reference, unit, paired[name], p, p_holm, len(rivals))
        for name, p, p_holm in zip(rivals, p_values, adjusted, strict=True)
    ]


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment, in the order given."""
    if not p_values:
        return []
    from statsmodels.stats.multitest import multipletests

    adjusted: Any = multipletests(list(p_values), method="holm")[1]
    return [float(p) for p in adjusted]


def _differences(first: Mapping[str, float], second: Mapping[str, float]) -> list[float]:
    return [first[unit] - second[unit] for unit in sorted(first.keys() & second.keys())]


def _comparison(
    method: str,
    reference: str,
    unit: str,
    differences: Sequence[float],
    p: float,
    p_holm: float,
    n_rivals: int,
) -> Comparison:
    interval = t_interval(differences)
    narrow = t_interval(differences, level=0.90)
    location = hodges_lehmann_interval(differences)
    least = smallest_p(differences)
    return Comparison(
        method=method,
        reference=reference,
        unit=unit,
        n=len(differences),
        difference=mean(differences),
        interval=interval,
        p=p,
        p_holm=p_holm,
        smallest_p=least,
        smallest_p_holm=min(1.0, least * n_rivals),
        effect=rank_biserial(differences),
        location=hodges_lehmann(differences),
        location_interval=location[:2] if location else None,
        location_level=location[2] if location else None,
        corrected_t=corrected_t(differences),
        margin=max(map(abs, narrow)) if narrow else None,
        verdict=verdict(len(differences), p_holm, interval, narrow),
    )


def verdict(
    n: int, p_holm: float, interval: tuple[float, float] | None, narrow: tuple[float, float] | None
) -> str:
    """What may be said of a difference: its 95 % t interval, the 90 % one (`narrow`) and Holm's p decide."""
    if interval is not None and p_holm < SIGNIFICANT and (interval[0] > 0 or interval[1] < 0):
        side = "better" if interval[0] > 0 else "worse"
        return f"{side}, below the margin" if _within_margin(interval) else side
    if narrow is not None and n >= LEAST_PATIENTS_FOR_EQUIVALENCE and _within_margin(narrow):
        return "equivalent"
    return f"cannot be told with n={n}"


def _within_margin(interval: tuple[float, float]) -> bool:
    return interval[0] >= -MARGIN and interval[1] <= MARGIN
