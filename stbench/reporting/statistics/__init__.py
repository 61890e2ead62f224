"""The statistics of a leaderboard: the patient is the unit, and nothing is claimed that n cannot carry.

averages.py     means over seeds, slides and patients; skill
intervals.py    t interval, Fisher's z for correlations, range below three; bootstrap from 8 patients on
differences.py  paired differences; below 1e-9 they are zero
sign_flips.py   the main test: all rivals at once by joint sign flips, step-down maxT
paired.py       two methods: exact signed-rank test, effect size, Hodges-Lehmann, corrected t
holm.py         Holm's adjustment
verdicts.py     what may be said of a difference
comparison.py   methods against one named reference
across.py       the same over several data sets
many.py         three methods and more: Friedman, ranks, pairwise tests
reliability.py  genes that may be trusted
"""

from stbench.reporting.statistics.across import AcrossDatasets, compare_across
from stbench.reporting.statistics.averages import (
    LEAST_ROOM,
    mean,
    n_scored_patients,
    n_scored_slides,
    over_patients,
    over_seeds,
    patient_means,
    skill,
    standard_deviation,
)
from stbench.reporting.statistics.comparison import Comparison, compare_with_reference
from stbench.reporting.statistics.intervals import (
    LEAST_FOR_INTERVAL,
    LEAST_PATIENTS_TO_RESAMPLE,
    bootstrap_interval,
    score_interval,
    t_interval,
    value_range,
)

__all__ = [
    "LEAST_FOR_INTERVAL",
    "LEAST_PATIENTS_TO_RESAMPLE",
    "LEAST_ROOM",
    "AcrossDatasets",
    "Comparison",
    "bootstrap_interval",
    "compare_across",
    "compare_with_reference",
    "mean",
    "n_scored_patients",
    "n_scored_slides",
    "over_patients",
    "over_seeds",
    "patient_means",
    "score_interval",
    "skill",
    "standard_deviation",
    "t_interval",
    "value_range",
]
