"""Complete rows patient by patient: what tests and ranks compare."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stbench.reporting import statistics
from stbench.reporting.report.boards import Board

# The scores that the page tests and ranks, as Records name them, and how they are called in words.
CORRELATIONS = {"pcc": "PCC", "pcc_given_depth": "PCC given depth", "pcc_equal_depth": "equal-depth PCC"}


@dataclass(frozen=True, eq=False)
class PatientScores:
    """One score of the complete rows: scores (n patients, k rows), patients without a value for every row left out."""

    patients: tuple[str, ...]
    labels: tuple[str, ...]
    scores: np.ndarray


def means_by_row(board: Board, score: str) -> dict[str, dict[str, float]]:
    """Row -> patient -> mean over its slides; rows whose patients are not stated are left out."""
    means = {
        entry.label: statistics.patient_means(entry.score_by_slide(score), entry.patients)
        for entry in board.complete
    }
    return {label: of_patients for label, of_patients in means.items() if of_patients}


def patient_scores(board: Board, score: str) -> PatientScores:
    """The scores of the patients that every complete row has."""
    means = means_by_row(board, score)
    shared = sorted(set.intersection(*(set(row) for row in means.values()))) if means else []
    values = [[row[patient] for row in means.values()] for patient in shared]
    return PatientScores(
        tuple(shared), tuple(means), np.array(values, dtype=float).reshape(len(shared), len(means))
    )
