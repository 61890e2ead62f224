"""Which genes can be predicted: a claim that needs patients, and a plain list where there are too few."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

LEAST_PATIENTS_TO_TRUST = 6
_FALSE_DISCOVERY_RATE = 0.05


class GeneReliability(NamedTuple):
    """Per gene, (G,) each: mean over patients, one-sided p of a mean above 0 after Benjamini-Hochberg (NaN with
    fewer than 6 patients), and whether the gene may be called trusted."""

    mean: np.ndarray
    p: np.ndarray
    trusted: np.ndarray


def gene_reliability(scores: np.ndarray) -> GeneReliability:
    """Judge genes by scores (n patients, G), NaN where a gene is undefined for a patient.

    A gene is trusted where its lower 95 % bound over at least 6 patients stays above 0 after the correction.
    """
    from scipy.stats import ttest_1samp
    from statsmodels.stats.multitest import multipletests

    scores = np.asarray(scores, dtype=float)
    defined = np.isfinite(scores)
    n = defined.sum(axis=0)
    mean = np.where(n > 0, np.where(defined, scores, 0).sum(axis=0) / np.maximum(n, 1), np.nan)
    p = np.full(scores.shape[1], np.nan)
    enough = n >= LEAST_PATIENTS_TO_TRUST
    if enough.any():
        test: Any = ttest_1samp(scores[:, enough], 0, axis=0, alternative="greater", nan_policy="omit")
        raw = np.nan_to_num(
            np.asarray(test.pvalue, dtype=float), nan=1.0
        )  # no spread at all: nothing to go by
        p[enough] = multipletests(raw, method="fdr_bh")[1]
    return GeneReliability(mean, p, np.nan_to_num(p, nan=1.0) < _FALSE_DISCOVERY_RATE)
