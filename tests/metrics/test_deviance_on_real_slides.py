"""Deviance explained on real slides: depth is not rewarded, neighbours and an oracle are.

The left-out slide's depths and composition are its own; training are the other four slides.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from metrics.her2_slides import RealSlide, listed_genes, read_slide

from stbench.metrics.correlation import mean_pcc
from stbench.metrics.counts import log_expression
from stbench.metrics.deviance import deviance_explained, mean_log_expression, poisson_deviance
from stbench.metrics.training import TrainingSummary

SLIDES = ("B4", "C2", "C3", "C4", "C5")


def _fold(shared_data: Path, name: str) -> tuple[RealSlide, list[RealSlide]]:
    genes = listed_genes(shared_data, "B4")[::3]
    return read_slide(shared_data, name, genes), [
        read_slide(shared_data, other, genes) for other in SLIDES if other != name
    ]


def _summary(train: list[RealSlide]) -> TrainingSummary:
    return TrainingSummary.of(
        [s.expression for s in train], [s.counts[:, :-1] for s in train], [s.totals for s in train]
    )


@pytest.mark.parametrize("name", ["B4", "C3"])
def test_depth_alone_explains_nothing_and_what_neighbours_know_something(
    shared_data: Path, name: str
) -> None:
    slide, train = _fold(shared_data, name)
    counts, summary = slide.counts[:, :-1], _summary(train)

    def explained(prediction: np.ndarray) -> float:
        return deviance_explained(counts, slide.totals, np.broadcast_to(prediction, counts.shape), summary)

    assert explained(summary.mean) == pytest.approx(0, abs=1e-12)
    assert summary.rate is not None
    # What each gene's log expression would be at the spot's own depth if all spots had training's composition.
    order = np.argsort(summary.rate)
    by_depth = np.empty(counts.shape)
    by_depth[:, order] = [mean_log_expression(summary.rate[order], total) for total in slide.totals]
    plain = mean_pcc(slide.expression, by_depth, summary.constant_below)
    assert plain > 0.2 and explained(by_depth) < 0
    distance = np.linalg.norm(slide.array_row_column[:, None] - slide.array_row_column, axis=2)
    nearest = np.argsort(distance, axis=1, kind="stable")[:, 1:9]
    neighbours = slide.expression[nearest].mean(axis=1)
    # Eight neighbours are few: half of what they say beyond the slide's mean is noise.
    level = slide.expression.mean(axis=0)
    assert explained((neighbours + level) / 2) > max(0.03, explained(level))
    assert 0.6 < explained(slide.expression) < 1


@pytest.mark.parametrize(("name", "cv"), [("B4", 0.7), ("C2", 0.3), ("C2", 0.7)])
def test_an_oracle_of_the_signal_explains_nearly_all_that_true_rates_do(
    shared_data: Path, name: str, cv: float
) -> None:
    """Gamma signal on real totals and the slide's composition; the oracle predicts its mean log over depths."""
    slide, train = _fold(shared_data, name)
    composition, rng = slide.counts.sum(axis=0) / slide.counts.sum(), np.random.default_rng(0)

    def simulated(totals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shares = composition * rng.gamma(1 / cv**2, cv**2, (len(totals), len(composition)))
        shares[:, -1] = composition[-1]
        shares /= shares.sum(axis=1, keepdims=True)
        return shares[:, :-1], rng.multinomial(totals, shares)[:, :-1]

    depths = np.concatenate([s.totals for s in train])
    seen = simulated(depths)[1]
    summary = TrainingSummary.of([log_expression(seen, depths)], [seen], [depths])
    assert summary.rate is not None and summary.depths is not None
    rates, counts = simulated(slide.totals)
    grid = np.geomspace(1e-9, 0.5, 500)
    curve = np.mean([mean_log_expression(grid, depth) for depth in summary.depths], axis=0)
    oracle = np.interp(np.log(rates + 1e-12), np.log(grid), curve)
    kept, offset = summary.rate > 0, slide.totals[:, None]
    null = poisson_deviance(counts[:, kept], offset * summary.rate[kept])
    attainable = 1 - poisson_deviance(counts[:, kept], offset * (rates[:, kept] + 1e-12)) / null
    assert attainable > 0.1
    assert 0.85 * attainable < deviance_explained(counts, slide.totals, oracle, summary) <= attainable + 0.005
