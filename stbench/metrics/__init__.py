"""Metrics: two arrays in, a number out. Truth first, prediction second; one slide, scored spots only.

The modules see numpy arrays and know nothing of slides, folds or methods. NaN means undefined. `METRICS`
lists every score of a slide that evaluation/scoring.py can give, `PER_GENE` every column that it gives per
gene.

correlation.py  Pearson and Spearman per gene, Pearson per spot    depth.py        PCC given depth
equal_depth.py  PCC at equal depth                                 null.py         scores by depth alone
ceiling.py      what a perfect prediction would score              error.py        RMSE, MAE
calibration.py  variance ratio, r squared, slope                   structure.py    gene-gene structure
clustering.py   adjusted Rand index                                prediction.py   what a prediction must be
counts.py       expression of counts, counts redrawn or thinned    averaging.py    mean PCC over many draws
subsampling.py  counts cut down to one depth                       deviance.py     deviance explained
training.py     what a metric may know of the training slides      within.py       scores inside regions
probe.py        two classes told apart by other slides
"""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["METRICS", "PER_GENE", "Better", "Metric"]

Better = Literal["higher", "lower", "one", "-"]


class Metric(NamedTuple):
    """A score: its name, which end is better, its meaning in one line, the function that computes it.

    `better` is "one" where the score should be near 1 and "-" where it is no merit of a prediction.
    """

    name: str
    better: Better
    meaning: str
    function: str


METRICS: tuple[Metric, ...] = (
    Metric("pcc", "higher", "mean Pearson correlation per gene across spots", "correlation.mean_pcc"),
    Metric("pcc_median", "higher", "median over genes instead of the mean", "correlation.pearson_per_gene"),
    Metric(
        "pcc_top50_expressed",
        "higher",
        "mean over the 50 genes with the highest mean in training",
        "correlation.pearson_per_gene",
    ),
    Metric(
        "pcc_top50_variable",
        "higher",
        "mean over the 50 genes with the highest variance in training",
        "correlation.pearson_per_gene",
    ),
    Metric(
        "pcc_null", "-", "pcc against profiles exchanged among spots of equal depth", "null.ExchangedTruth"
    ),
    Metric(
        "pcc_given_depth",
        "higher",
        "pcc after a spline of log total counts is taken out of both sides",
        "depth.pcc_given_depth",
    ),
    Metric(
        "pcc_equal_depth",
        "higher",
        "pcc against counts subsampled to one depth for all spots",
        "equal_depth.EqualDepthTruth",
    ),
    Metric("t0", "-", "counts that every spot is cut down to at equal depth", "equal_depth.common_depth"),
    Metric("ceiling", "-", "noise ceiling of pcc from binomial thinning", "ceiling.ceiling"),
    Metric(
        "ceiling_equal_depth",
        "-",
        "noise ceiling of pcc_equal_depth from two disjoint draws",
        "ceiling.ceiling_equal_depth",
    ),
    Metric(
        "ceiling_equal_depth_error",
        "-",
        "Monte-Carlo standard error of ceiling_equal_depth",
        "ceiling.ceiling_equal_depth_error",
    ),
    Metric("rmse", "lower", "root-mean-square error on the min-max scale of training", "error.rmse"),
    Metric("rmse_centred", "lower", "rmse after each gene's mean on the slide is taken out", "error.centred"),
    Metric("rmse_log", "lower", "root-mean-square error on the log scale", "error.rmse"),
    Metric("mae", "lower", "mean absolute error on the target's scale", "error.mae"),
    Metric(
        "deviance_explained",
        "higher",
        "share of the counts' Poisson deviance from the training mean rate",
        "deviance.deviance_explained",
    ),
    Metric(
        "spearman",
        "higher",
        "mean Spearman correlation per gene across spots",
        "correlation.spearman_per_gene",
    ),
    Metric(
        "pcc_spot", "higher", "mean Pearson correlation per spot across genes", "correlation.pearson_per_spot"
    ),
    Metric(
        "variance_ratio", "-", "median var(P) / var(Y); r_squared if calibrated", "calibration.calibration"
    ),
    Metric("r_squared", "higher", "median squared correlation", "calibration.calibration"),
    Metric("slope", "one", "median cov(Y, P) / var(P)", "calibration.calibration"),
    Metric(
        "structure",
        "higher",
        "correlation of gene-gene correlations, depth taken out",
        "structure.GeneStructure",
    ),
    Metric(
        "structure_null",
        "-",
        "structure against genes exchanged one by one among spots of equal depth",
        "null.ExchangedTruth",
    ),
    Metric(
        "ari", "higher", "adjusted Rand index of k-means against the annotation", "clustering.adjusted_rand"
    ),
    Metric("ari_tumour", "higher", "the same for tumour versus rest, k = 2", "clustering.adjusted_rand"),
    Metric("n_constant_truth", "-", "genes constant in the truth, left out", "correlation.unit_truth"),
    Metric(
        "n_constant_prediction", "lower", "genes constant in the prediction, scoring 0", "correlation.varies"
    ),
)

PER_GENE: tuple[Metric, ...] = (
    Metric("pcc", "higher", "Pearson correlation across spots", "correlation.pearson_per_gene"),
    Metric("pcc_given_depth", "higher", "the same given depth", "depth.pcc_given_depth"),
    Metric(
        "pcc_equal_depth", "higher", "the same at equal depth, mean of draws", "equal_depth.EqualDepthTruth"
    ),
    Metric("pcc_null", "-", "pcc where profiles are exchanged at equal depth", "null.ExchangedTruth"),
    Metric("ceiling", "-", "noise ceiling of pcc from binomial thinning", "ceiling.ceiling_per_gene"),
    Metric("detection", "-", "share of scored spots with a count above 0", "evaluation/scoring.py"),
)
