"""Analytic Pearson residuals against scanpy's, on whole matrices."""

from __future__ import annotations

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import scanpy as sc

from stbench.metrics.counts import pearson_residuals


def _of_scanpy(counts: np.ndarray) -> np.ndarray:
    adata = anndata.AnnData(counts.astype(np.float64))
    sc.experimental.pp.normalize_pearson_residuals(adata, theta=100, clip=None)
    return np.asarray(adata.X)


def test_equal_scanpys_on_a_whole_slide_cut_to_a_panel(shared_data: Path) -> None:
    counts = pd.read_csv(shared_data / "her2st/data/ST-cnts/C2.tsv.gz", sep="\t", index_col=0).to_numpy()
    counts = counts[counts.sum(axis=1) >= 100]
    counts = counts[:, counts.sum(axis=0) > 0]
    expected = _of_scanpy(counts)
    panel = np.arange(0, counts.shape[1], 40)
    found = pearson_residuals(counts[:, panel], counts.sum(axis=1))
    np.testing.assert_allclose(found, expected[:, panel], rtol=1e-9, atol=1e-9)
    limit = np.sqrt(len(counts))
    assert found.max() == limit and np.abs(found).max() <= limit  # some are clipped


def test_gene_totals_of_more_spots_may_be_handed_in() -> None:
    counts = np.random.default_rng(0).poisson(4, (30, 6))
    totals = counts.sum(axis=1) + 20
    np.testing.assert_array_equal(
        pearson_residuals(counts, totals, counts.sum(axis=0)), pearson_residuals(counts, totals)
    )


def test_two_spots_by_hand_and_what_has_no_counts() -> None:
    counts, totals = np.array([[4, 0], [0, 0], [0, 0]]), np.array([10, 30, 0])
    # mu of the first gene: 4 of 40 counts, 1 and 3 of the spots' 10 and 30.
    first, second = 3 / np.sqrt(1 + 1 / 100), -3 / np.sqrt(3 + 9 / 100)
    assert first > np.sqrt(3)  # clipped to the root of the number of spots
    np.testing.assert_allclose(pearson_residuals(counts, totals), [[np.sqrt(3), 0], [second, 0], [0, 0]])
