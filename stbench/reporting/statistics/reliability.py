"""Which genes can be predicted: a claim that needs patients, and a plain list where there are too few."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from stbench.reporting.statistics.differences import ZERO
from stbench.reporting.statistics.intervals import LARGEST_CORRELATION

LEAST_PATIENTS_TO_TRUST = 6
_FALSE_DISCOVERY_RATE = 0.05


class GeneReliability(NamedTuple):
    """Per gene, (G,) each: mean over patients, one-sided p of a mean above 0 after Benjamini-Hochberg (NaN with
    fewer than 6 patients), and whether the gene may be called trusted."""

    mean: np.ndarray
    p: np.ndarray
    trusted: np.ndarray


def gene_reliability(scores: np.ndarray) -> GeneReliability:
    """Judge genes by correlations (n patients, G), NaN where a gene is undefined for a patient.

    A gene is trusted where a one-sided t test of Fisher's z over at least 6 patients that are scored for it holds
    after Benjamini and Hochberg's correction over the genes that so many patients have.
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
        z = np.arctanh(np.clip(scores[:, enough], -LARGEST_CORRELATION, LARGEST_CORRELATION))
        # No spread at all, as of a constant prediction, is nothing to go by.
        varies = np.nanmax(z, axis=0) - np.nanmin(z, axis=0) > ZERO
        raw = np.ones(z.shape[1])
        if varies.any():
            test: Any = ttest_1samp(z[:, varies], 0, axis=0, alternative="greater", nan_policy="omit")
            raw[varies] = test.pvalue
        p[enough] = multipletests(raw, method="fdr_bh")[1]
    return GeneReliability(mean, p, np.nan_to_num(p, nan=1.0) < _FALSE_DISCOVERY_RATE)
