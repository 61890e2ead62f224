"""Genes that may be trusted: a claim over patients, or none."""

from __future__ import annotations

import numpy as np
from scipy import stats

from stbench.reporting.statistics.reliability import gene_reliability


def test_a_gene_is_trusted_only_with_enough_patients_and_a_mean_above_zero():
    random = np.random.default_rng(0)
    strong, noise = random.normal(0.3, 0.05, (8, 5)), random.normal(0, 0.2, (8, 95))
    found = gene_reliability(np.concatenate([strong, noise], axis=1))
    assert found.trusted[:5].all() and found.trusted[5:].mean() < 0.1
    z = np.concatenate([strong, noise], axis=1)
    z = 0.5 * np.log((1 + z) / (1 - z))
    raw = stats.ttest_1samp(z, 0, alternative="greater").pvalue
    np.testing.assert_allclose(found.p, stats.false_discovery_control(raw, method="bh"))
    few = gene_reliability(strong[:5])
    assert not few.trusted.any() and np.isnan(few.p).all()
    np.testing.assert_allclose(few.mean, strong[:5].mean(axis=0))


def test_a_gene_that_some_patients_lack_is_judged_on_the_others():
    table = np.random.default_rng(0).normal(0.3, 0.01, (8, 2))
    table[:3, 1] = np.nan
    found = gene_reliability(table)
    assert found.trusted.tolist() == [True, False]
    assert found.mean[1] == table[3:, 1].mean()


def test_genes_with_too_few_patients_do_not_count_among_the_tests():
    table = np.random.default_rng(1).normal(0.1, 0.1, (7, 40))
    table[:2, 20:] = np.nan
    found = gene_reliability(table)
    np.testing.assert_allclose(found.p[:20], gene_reliability(table[:, :20]).p)
    assert np.isnan(found.p[20:]).all()


def test_perfect_and_constant_correlations_have_an_answer():
    table = np.stack([np.ones(6), np.zeros(6), -np.ones(6), np.linspace(0.999999999, 1, 6)], axis=1)
    found = gene_reliability(table)
    assert np.isfinite(found.p).all() and not found.trusted.any()
    assert gene_reliability(
        np.concatenate([table, np.random.default_rng(0).normal(0.5, 0.1, (6, 1))], axis=1)
    ).trusted[4]
