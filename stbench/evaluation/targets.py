"""What is predicted: counts of a slide's scored spots on the scale that `--target` names."""

from __future__ import annotations

from typing import Literal

import numpy as np

from stbench.metrics.counts import log_expression, pearson_residuals

Target = Literal["logcpm", "pearson"]


def target_expression(target: Target, counts: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """(n_spots, G) expression, float64, of one slide's scored spots.

    counts   (n_spots, G) raw counts of the panel;  totals (n_spots,) counts over ALL genes of the slide
    logcpm   log(1 + 1e6 count / total)
    pearson  analytic Pearson residuals. A gene's need its own counts and the spots' totals only, so that these are
             the residuals of the whole matrix, cut to the panel
    """
    residuals = target == "pearson"
    return pearson_residuals(counts, totals) if residuals else log_expression(counts, totals)
