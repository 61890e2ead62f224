"""Rows that are no predictions, clustered as predictions are: references for the adjusted Rand index."""

from __future__ import annotations

import math

import numpy as np

from stbench.evaluation.targets import Target, target_expression
from stbench.metrics.clustering import label_agreement
from stbench.metrics.correlation import MIN_SPOTS
from stbench.preprocess.spatial_neighbours import spatial_neighbours
from stbench.record import SlideTruth


def reference_ari(
    truth: SlideTruth,
    unlabelled: tuple[str, ...] = ("undetermined",),
    embeddings: np.ndarray | None = None,
    target: Target = "logcpm",
) -> dict[str, float | None]:
    """Adjusted Rand index against all labels of rows that are no predictions, by row name: references, not ceiling.

    embeddings (n_spots, d) of the run's encoder, or None for no such row.
    """
    scored = truth.scored
    measured = target_expression(target, truth.counts[scored], truth.totals[scored])
    nearest = spatial_neighbours(truth.pixel_xy[scored], truth.array_row_column[scored], 8)
    rows = {
        "measured": measured,
        "measured, mean of 9 spots": (measured + measured[nearest].sum(axis=1)) / (1 + nearest.shape[1]),
        "coordinates": np.asarray(truth.pixel_xy[scored], dtype=np.float64),
        "depth": np.log1p(truth.totals[scored])[:, None],
    }
    if embeddings is not None:
        rows["embeddings"] = np.asarray(embeddings[scored], dtype=np.float64)
    labels = None if truth.annotation is None else np.asarray(truth.annotation)[scored]
    found = {name: label_agreement(row, labels, unlabelled, MIN_SPOTS) for name, row in rows.items()}
    return {name: None if math.isnan(value) else value for name, value in found.items()}
