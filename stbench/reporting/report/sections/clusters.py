"""Clusters of predictions beside the pathologist's annotation, their colours matched to the labels they share most."""

from __future__ import annotations

from typing import Any

import numpy as np

from stbench.metrics.clustering import agreement, clusters
from stbench.record import Record, SlideTruth
from stbench.reporting.report.packed import NOTHING, packed_codes
from stbench.reporting.report.stored import SlideArrays
from stbench.reporting.results.gene_columns import measured_expression


def new_clusters(
    truth: SlideTruth, unlabelled: tuple[str, ...], target: str = "logcpm"
) -> dict[str, Any] | None:
    """The annotation and the clusters of the measured values; None without at least two labels.

    Clusters are those of one seed; the index beside them is the mean of ten, as in the leaderboard.
    """
    kept = _labelled(truth, unlabelled)
    labels = _labels(truth, kept)
    if truth.annotation is None or not 2 <= len(labels) < kept.sum():
        return None
    codes = np.searchsorted(labels, np.asarray(truth.annotation, dtype=str)[kept])
    measured = measured_expression(truth, target)[kept]
    ari = agreement(measured, np.asarray(truth.annotation, dtype=str)[kept]).ari
    return {
        "labels": [str(label) for label in labels],
        "annotation": _spread(codes, kept),
        "rows": [
            {
                "row": None,
                "ari": round(ari, 3),
                "codes": _spread(_matched(measured, codes, len(labels)), kept),
            }
        ],
    }


def add_clusters(found: dict[str, Any], row: int, arrays: SlideArrays) -> None:
    """Add the clusters of one row's prediction, with the index that its Record holds."""
    truth, record = arrays.truth, arrays.record
    kept = _labelled(truth, record.unlabelled)
    labels = _labels(truth, kept)
    codes = np.searchsorted(labels, np.asarray(truth.annotation, dtype=str)[kept])
    groups = _matched(np.asarray(arrays.prediction, dtype=float)[kept], codes, len(labels))
    found["rows"].append({"row": row, "ari": _ari(record, truth.slide), "codes": _spread(groups, kept)})


def matched_groups(groups: np.ndarray, codes: np.ndarray, n: int) -> np.ndarray:
    """Groups renumbered so that as many spots as possible carry the number of their label, each number used once."""
    from scipy.optimize import linear_sum_assignment

    shared = np.zeros((n, n))
    np.add.at(shared, (groups, codes), 1)
    of_group, of_label = linear_sum_assignment(shared, maximize=True)
    renumbered = np.empty(n, dtype=int)
    renumbered[of_group] = of_label
    return renumbered[groups]


def _matched(values: np.ndarray, codes: np.ndarray, n: int) -> np.ndarray:
    return matched_groups(clusters(values, n), codes, n)


def _labelled(truth: SlideTruth, unlabelled: tuple[str, ...]) -> np.ndarray:
    """(n_spots,) True where a spot is scored and has a label."""
    if truth.annotation is None:
        return np.zeros(len(truth.scored), dtype=bool)
    annotation = np.asarray(truth.annotation, dtype=str)
    return truth.scored & (annotation != "") & ~np.isin(annotation, unlabelled)


def _labels(truth: SlideTruth, kept: np.ndarray) -> np.ndarray:
    return np.unique(np.asarray(truth.annotation, dtype=str)[kept]) if kept.any() else np.array([], dtype=str)


def _spread(codes: np.ndarray, kept: np.ndarray) -> str:
    """Codes of the labelled spots among all spots, packed; the others have none."""
    everywhere = np.full(len(kept), NOTHING, dtype=np.uint8)
    everywhere[kept] = codes
    return packed_codes(everywhere)


def _ari(record: Record, slide: str) -> float | None:
    found = [scored.scores.get("ari") for scored in record.slides if scored.slide == slide]
    return round(found[0], 3) if found and found[0] is not None else None
