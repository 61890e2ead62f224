"""The committed table of predictions from elsewhere says what those who made them measured."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path
from statistics import fmean

import pytest

from stbench.reporting.results.store import RunStore

CHECKOUT = Path(__file__).resolve().parents[2]
RUN = CHECKOUT / "leaderboards" / "her2-5slides-published-epochs"
THEIRS = CHECKOUT.parent / "shared" / "gpu-results"
# Protocol 2 draws equal depth anew; all else is defined as it was.
WITHIN = {"pcc": 0.001, "pcc_given_depth": 0.001, "rmse": 0.001, "pcc_equal_depth": 0.003}
Means = dict[tuple[str, str, int], dict[str, float]]


def means(rows: list[tuple[tuple[str, str, int], dict[str, float]]]) -> Means:
    """(method, preset, seed) -> slide means."""
    slides = defaultdict(list)
    for row, scores in rows:
        slides[row].append(scores)
    assert {len(found) for found in slides.values()} == {5}
    return {row: {name: fmean(s[name] for s in found) for name in WITHIN} for row, found in slides.items()}


def measured(file: str) -> Means:
    with (THEIRS / file).open() as opened:
        lines = [line for line in csv.DictReader(opened) if line["preset"]]
    return means([
        ((line["method"], line["preset"], int(line["seed"])), {name: float(line[name]) for name in WITHIN})
        for line in lines
    ])  # fmt: skip


def committed(genes: str) -> Means:
    """A row's name is its method, then preset and epochs in brackets."""
    found = []
    for record in RunStore(RUN).records()[0]:
        if record.kind != "external" or not record.table.genes.startswith(genes):
            continue
        method, _, rest = record.row.method.partition(" (")
        (slide,) = record.slides
        found.append(((method, rest.partition(",")[0], record.seed), dict(slide.scores)))
    return means(found)


@pytest.mark.skipif(not THEIRS.is_dir(), reason="the predictions are not beside the checkout")
@pytest.mark.parametrize(("genes", "file"), [("train-hvg", "scores.csv"), ("file:", "scores-785genes.csv")])
def test_the_means_over_slides_are_those_that_were_measured_elsewhere(genes: str, file: str):
    ours, theirs = committed(genes), measured(file)
    assert ours.keys() == theirs.keys()
    for row, scores in theirs.items():
        for name, value in scores.items():
            assert ours[row][name] == pytest.approx(value, abs=WITHIN[name]), (row, name)
