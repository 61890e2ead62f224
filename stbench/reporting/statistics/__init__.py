"""The statistics of a leaderboard: the patient is the unit, and nothing is claimed that n cannot carry.

averages.py     means over seeds, slides and patients; skill
intervals.py    t interval; bootstrap from 8 patients on
paired.py       two methods: exact signed-rank test, effect size, Hodges-Lehmann, corrected t
comparison.py   methods against one named reference: Holm, verdicts, margins
many.py         three methods and more: Friedman, ranks, pairwise tests
reliability.py  genes that may be trusted
"""

from stbench.reporting.statistics.averages import (
    LEAST_ROOM,
    mean,
    over_patients,
    over_seeds,
    patient_means,
    skill,
    standard_deviation,
)
from stbench.reporting.statistics.comparison import Comparison, compare_with_reference
from stbench.reporting.statistics.intervals import bootstrap_interval, t_interval

__all__ = [
    "LEAST_ROOM",
    "Comparison",
    "bootstrap_interval",
    "compare_with_reference",
    "mean",
    "over_patients",
    "over_seeds",
    "patient_means",
    "skill",
    "standard_deviation",
    "t_interval",
]
