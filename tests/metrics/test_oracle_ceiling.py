"""Noise ceilings held against an oracle: a known signal on the totals and compositions of real slides.

The signal multiplies each gene's share by a gamma variable of mean 1; the oracle predicts E[Y | signal, depth].
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from metrics.her2_slides import listed_genes, read_slide
from scipy.stats import binom

from stbench.metrics.ceiling import ceiling, ceiling_equal_depth, reliability, reliability_at_depth
from stbench.metrics.correlation import is_defined, mean_defined, mean_pcc, unit_truth
from stbench.metrics.counts import log_expression
from stbench.metrics.equal_depth import EqualDepthTruth

_GRID = np.concatenate([[0.0], np.geomspace(1e-8, 0.3, 160)])


class Found(NamedTuple):
    """What the oracle scores and what the ceilings say; `roots_of_mean` is the formula on the panel's mean r."""

    oracle: float
    ceiling: float
    root_of_mean: float
    oracle_equal_depth: float
    ceiling_equal_depth: float


def _composition(shared_data: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The slide's pooled composition with the rest last, and its spots' totals; the fixed list of genes."""
    slide = read_slide(shared_data, name, listed_genes(shared_data, name))
    return slide.counts.sum(axis=0) / slide.counts.sum(), slide.totals


def _expected(shares: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """E[log(1 + 1e6 K / N)], K ~ Binomial(N, share): exact on a grid of shares, read off in between."""
    curves = {total: _curve(int(total)) for total in np.unique(totals)}
    return np.array([np.interp(s, _GRID, curves[n]) for s, n in zip(shares, totals, strict=True)])


def _curve(total: int) -> np.ndarray:
    reach = np.ceil(_GRID * total + 9 * np.sqrt(_GRID * total) + 12).astype(int)
    return np.array(
        [
            binom.pmf(k := np.arange(min(r, total) + 1), total, share) @ np.log1p(1e6 * k / total)
            for r, share in zip(reach, _GRID, strict=True)
        ]
    )


def _simulated(shared_data: Path, name: str, cv: float) -> Found:
    composition, totals = _composition(shared_data, name)
    rng = np.random.default_rng(1)
    shares = composition * rng.gamma(1 / cv**2, cv**2, (len(totals), len(composition)))
    shares[:, -1] = composition[-1]
    shares /= shares.sum(axis=1, keepdims=True)
    counts = rng.multinomial(totals, shares)
    truth = log_expression(counts[:, :-1], totals)
    r, constant_below = reliability(counts, rng), np.full(truth.shape[1], 1e-12)
    equal_depth = EqualDepthTruth(counts, rng)
    at_depth = _expected(shares[:, :-1], np.full(len(totals), equal_depth.depth))
    mean_r = mean_defined(r)
    return Found(
        oracle=mean_pcc(truth, _expected(shares[:, :-1], totals), constant_below),
        ceiling=ceiling(r, is_defined(unit_truth(truth))),
        root_of_mean=float(np.sqrt(2 * mean_r / (1 + mean_r))),
        oracle_equal_depth=equal_depth.mean(equal_depth.unit_prediction(at_depth, constant_below)),
        ceiling_equal_depth=ceiling_equal_depth(reliability_at_depth(counts, rng), equal_depth.varying),
    )


@pytest.mark.parametrize(
    ("name", "cv", "oracle", "root_of_mean"),
    [
        ("B4", 0.3, 0.48, 0.57),
        pytest.param("B4", 0.7, 0.52, 0.615, marks=pytest.mark.slow),
        pytest.param("C2", 0.3, 0.38, 0.46, marks=pytest.mark.slow),
        pytest.param("C2", 0.7, 0.50, 0.575, marks=pytest.mark.slow),
    ],
)
def test_ceilings_are_near_what_an_oracle_scores(
    shared_data: Path, name: str, cv: float, oracle: float, root_of_mean: float
) -> None:
    found = _simulated(shared_data, name, cv)
    print(name, cv, *(f"{field} {value:.3f}" for field, value in found._asdict().items()))
    assert found.oracle == pytest.approx(oracle, abs=0.01)
    assert found.root_of_mean == pytest.approx(root_of_mean, abs=0.01)
    assert -0.05 < found.ceiling / found.oracle - 1 < 0.15
    # The root of the panel's mean r lies far above what anybody can reach.
    assert 0.14 < found.root_of_mean / found.oracle - 1 < 0.23
    assert abs(found.ceiling_equal_depth / found.oracle_equal_depth - 1) < 0.25


@pytest.mark.parametrize(("name", "plain", "equal_depth"), [("B4", 0.07, 0.04), ("C2", 0.135, 0.065)])
def test_bias_of_ceilings_without_any_signal(
    shared_data: Path, name: str, plain: float, equal_depth: float
) -> None:
    """One composition for all spots: no prediction can score, and what the roots make of chance is the bias."""
    composition, totals = _composition(shared_data, name)
    rng = np.random.default_rng(1)
    all_alike = rng.multinomial(np.full(len(totals), int(np.median(totals))), composition)
    varies = is_defined(unit_truth(all_alike[:, :-1].astype(float)))
    bias = ceiling(reliability(all_alike, rng), varies)
    counts = rng.multinomial(totals, composition)
    scored = EqualDepthTruth(counts, rng).varying
    at_depth = ceiling_equal_depth(reliability_at_depth(counts, rng, n_pairs=50), scored)
    print(f"{name}: bias of the ceiling {bias:.3f}, of the equal-depth ceiling {at_depth:.3f}")
    assert bias == pytest.approx(plain, abs=0.015)
    assert at_depth == pytest.approx(equal_depth, abs=0.02)
