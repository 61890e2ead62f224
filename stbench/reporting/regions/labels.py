"""Which scored spots of a slide lie in which annotated region, and which have no label that says anything."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from stbench.record import SlideTruth


def labels_of(truth: SlideTruth, unlabelled: Collection[str]) -> np.ndarray:
    """(n scored spots,) the label of each; "" where there is none, or one of `unlabelled` ("undetermined")."""
    n = int(truth.scored.sum())
    if truth.annotation is None:
        return np.full(n, "", dtype=np.str_)
    labels = np.asarray(truth.annotation)[truth.scored].astype(str)
    return np.where(np.isin(labels, list(unlabelled)), "", labels)


def region_sizes(labels: np.ndarray) -> dict[str, int]:
    """Region -> its spots, the largest first; spots without a label are in none."""
    names, sizes = np.unique(labels[labels != ""], return_counts=True)
    sized = zip(names.tolist(), sizes.tolist(), strict=True)
    return dict(sorted(sized, key=lambda pair: (-pair[1], pair[0])))
