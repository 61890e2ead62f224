"""Methods against one named reference, with what the number of patients can carry and no more.

A family is the rivals of the reference that are corrected together, by one score in one table. The main test is by
joint sign flips; Wilcoxon's with Holm stands beside it, as papers report it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stbench.reporting.statistics.averages import mean
from stbench.reporting.statistics.differences import paired_differences
from stbench.reporting.statistics.holm import holm
from stbench.reporting.statistics.intervals import t_interval
from stbench.reporting.statistics.paired import (
    corrected_t,
    hodges_lehmann,
    hodges_lehmann_interval,
    rank_biserial,
    signed_rank_p,
    smallest_signed_rank_p,
)
from stbench.reporting.statistics.sign_flips import LEAST_UNITS_TO_TEST, flip_test, least_p
from stbench.reporting.statistics.verdicts import smallest_margin, verdict

ONE_FAMILY = "methods"


@dataclass(frozen=True)
class Comparison:
    """One method against the reference: differences are method minus reference, a unit each.

    unit                what is paired: "patient", or "slide" or "gene and slide", which are pseudo-replicated
    interval            95 % t interval of the mean difference, None below three units
    p, p_adjusted       two-sided p by sign flips, as it is and within its family; None below three units
    least_p, -_adjusted what that many non-zero differences could give at best, before and after adjustment
    wilcoxon_p, -_holm  exact two-sided signed-rank p, as it is and after Holm over the family
    wilcoxon_least_p_holm   what that many non-zero differences of all rivals could give at best after Holm
    effect              rank-biserial correlation
    location, location_interval, location_level   Hodges-Lehmann estimate, interval and its achieved level
    corrected_t         Nadeau and Bengio's t, for the patient split
    margin              the smallest margin within which the data would support equivalence
    verdict             "better", "worse", "equivalent" or "cannot be told with n=...", with "below the margin"
    family              what it is corrected together with
    alone               tested by flips of its own units, because it lacks some of the reference's: its p is then
                        multiplied by the number of all rivals
    """

    method: str
    reference: str
    unit: str
    n: int
    difference: float | None
    interval: tuple[float, float] | None
    p: float | None
    p_adjusted: float | None
    least_p: float | None
    least_p_adjusted: float | None
    wilcoxon_p: float | None
    wilcoxon_p_holm: float | None
    wilcoxon_least_p_holm: float | None
    effect: float | None
    location: float | None
    location_interval: tuple[float, float] | None
    location_level: float | None
    corrected_t: float | None
    margin: float | None
    verdict: str
    family: str = ONE_FAMILY
    alone: bool = False

    @property
    def pseudo_replicated(self) -> bool:
        """Whether what is paired are parts of one patient, which makes p too small."""
        return self.unit != "patient"


class _Tested(NamedTuple):
    """The p of one rival: flips, then Wilcoxon with Holm, each with what could be reached at best."""

    p: float
    p_adjusted: float
    least_p: float
    least_p_adjusted: float
    wilcoxon_p: float
    wilcoxon_p_holm: float
    wilcoxon_least_p_holm: float


def compare_with_reference(
    scores: Mapping[str, Mapping[str, float]],
    reference: str,
    unit: str = "patient",
    families: Mapping[str, str] | None = None,
) -> list[Comparison]:
    """Every method of `scores` (method -> unit -> score) against `reference`, on the units that both have.

    families  method -> family whose tests are corrected together; one family where nothing is said
    """
    rivals = [name for name in sorted(scores) if name != reference]
    named = {name: (families or {}).get(name, ONE_FAMILY) for name in rivals}
    paired = {name: paired_differences(scores[name], scores[reference]) for name in rivals}
    alone = {name for name in rivals if len(paired[name]) < len(scores[reference])}
    tested: dict[str, _Tested] = {}
    for family in sorted(set(named.values())):
        members = {name: paired[name] for name in rivals if named[name] == family}
        tested |= _tests(members, alone)
    return [
        _comparison(name, reference, unit, paired[name], tested.get(name), named[name], name in alone)
        for name in rivals
    ]


def _tests(members: Mapping[str, Sequence[float]], alone: set[str]) -> dict[str, _Tested]:
    """The tests of one family: rivals that have every unit jointly, the others each alone; too few units have none."""
    enough = {name: values for name, values in members.items() if len(values) >= LEAST_UNITS_TO_TEST}
    flips = _flips(enough, alone, len(members))
    wilcoxon = [signed_rank_p(values) for values in enough.values()]
    least_of_ranks = [smallest_signed_rank_p(values) for values in enough.values()]
    ranks = zip(wilcoxon, holm(wilcoxon), holm(least_of_ranks), strict=True)
    return {name: _Tested(*flips[name], *of_ranks) for name, of_ranks in zip(enough, ranks, strict=True)}


def _flips(
    enough: Mapping[str, Sequence[float]], alone: set[str], n_rivals: int
) -> dict[str, tuple[float, float, float, float]]:
    """Each rival's p by sign flips, adjusted, and the smallest of both that could be reached."""
    found: dict[str, tuple[float, float, float, float]] = {}
    jointly = [name for name in enough if name not in alone]
    if jointly:
        # The joint test has its share of the error that the family may make; the rest is for those tested alone.
        share = len(enough) / len(jointly)
        test = flip_test(np.array([enough[name] for name in jointly]).T)
        for name, p, p_adjusted in zip(jointly, test.p.tolist(), test.p_adjusted.tolist(), strict=True):
            least = least_p(enough[name])
            found[name] = (p, min(1.0, p_adjusted * share), least, min(1.0, least * share))
    for name in enough.keys() & alone:
        p = float(flip_test(np.array([enough[name]]).T).p[0])
        least = least_p(enough[name])
        found[name] = (p, min(1.0, p * n_rivals), least, min(1.0, least * n_rivals))
    return found


def _comparison(
    method: str,
    reference: str,
    unit: str,
    differences: Sequence[float],
    tested: _Tested | None,
    family: str,
    alone: bool,
) -> Comparison:
    interval, narrow = t_interval(differences), t_interval(differences, level=0.90)
    location = hodges_lehmann_interval(differences)
    p_values = tested._asdict() if tested else dict.fromkeys(_Tested._fields)
    return Comparison(
        method=method,
        reference=reference,
        unit=unit,
        n=len(differences),
        difference=mean(differences),
        interval=interval,
        **p_values,
        effect=rank_biserial(differences),
        location=hodges_lehmann(differences),
        location_interval=location[:2] if location else None,
        location_level=location[2] if location else None,
        corrected_t=corrected_t(differences),
        margin=smallest_margin(narrow),
        verdict=verdict(len(differences), tested.p_adjusted if tested else None, interval, narrow),
        family=family,
        alone=alone,
    )
