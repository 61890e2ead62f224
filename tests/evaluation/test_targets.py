"""What is predicted: the residuals of `--target pearson` against scanpy's on whole slides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import scanpy
from tiny_slides import SHALLOW, make_slides, sources_of

from stbench.contract import MethodCard
from stbench.datasets.her2 import plugin as Her2
from stbench.evaluation.design import Design
from stbench.evaluation.fit_inputs import fit_inputs
from stbench.evaluation.folds import group_slides, leave_one_group_out
from stbench.evaluation.materials import FoldMaterials, Materials
from stbench.evaluation.targets import target_expression
from stbench.evaluation.validation import ValidationSlide
from stbench.slide import Slide

REAL = ("B4", "C2")
NEVER_CONSTANT = -1.0


def scanpys_residuals(slide: Slide, genes: tuple[str, ...], min_counts: int = 100) -> np.ndarray:
    """scanpy's residuals of the slide's scored spots and all its genes, cut to `genes`."""
    counts = slide.counts.toarray().astype(np.float64)
    counts = counts[counts.sum(axis=1) >= min_counts]
    data = anndata.AnnData(counts, var=pd.DataFrame(index=list(slide.genes)))
    with np.errstate(invalid="ignore"):  # a gene without counts: 0 / 0
        scanpy.experimental.pp.normalize_pearson_residuals(data, check_values=False)
    columns = [slide.genes.index(gene) for gene in genes]
    return np.nan_to_num(np.asarray(data.X)[:, columns])


def fold_of(slides: dict[str, Slide], **design: object) -> FoldMaterials:
    fixed = Design("tiny", **{"genes": "highest", "n_genes": 12, "target": "pearson", **design})  # type: ignore[arg-type]
    groups = group_slides({name: slide.patient for name, slide in slides.items()}, fixed.split)
    return Materials(fixed, sources_of(slides), groups).fold(leave_one_group_out(groups)[0])


def card(trains_on: str) -> MethodCard:
    return MethodCard(title="T", summary="S", family="F", trains_on=trains_on)  # type: ignore[arg-type]


@pytest.fixture
def slides(tmp_path: Path, cache: Path) -> dict[str, Slide]:
    return make_slides(tmp_path / "slides")


@pytest.mark.parametrize("name", REAL)
def test_residuals_of_a_panel_are_scanpys_of_all_genes(shared_data: Path, name: str):
    source = next(source for source in Her2().slides(shared_data) if source.id == name)
    slide = source.read()
    counts, totals = slide.counts.toarray(), slide.totals
    rng = np.random.default_rng(0)
    panel = np.sort(rng.choice(len(slide.genes), 300, replace=False))
    scored = totals >= 100
    found = target_expression("pearson", counts[scored][:, panel], totals[scored])
    expected = scanpys_residuals(slide, tuple(slide.genes[i] for i in panel))
    assert (counts[scored][:, panel].sum(axis=0) == 0).any()  # genes without a count are among them
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("scale", "moved"),
    [
        ("log", lambda stacked, own: own),
        ("minmax", lambda stacked, own: (own - stacked.min(0)) / (stacked.max(0) - stacked.min(0))),
        ("zscore", lambda stacked, own: (own - stacked.mean(0)) / stacked.std(0)),
    ],
)
def test_a_method_trains_on_residuals_of_each_slides_own_scored_spots(
    slides: dict[str, Slide], scale: str, moved: Callable[[np.ndarray, np.ndarray], np.ndarray]
):
    fold = fold_of(slides)
    inputs = fit_inputs(fold, card(scale), ("S2", "S3"))
    genes = fold.panel.genes
    stacked = np.concatenate([scanpys_residuals(slides[name], genes) for name in ("S2", "S3")])
    for handout in inputs.train:
        seen = handout.open()
        own = scanpys_residuals(slides[seen.id], genes)
        assert len(own) == slides[seen.id].n_spots - len(SHALLOW)
        np.testing.assert_allclose(seen.expression, moved(stacked, own), atol=2e-5)  # type: ignore[union-attr]
        np.testing.assert_allclose(inputs.scaling.invert(seen.expression), own, atol=1e-4)  # type: ignore[union-attr]
        counts = slides[seen.id].counts.toarray()[slides[seen.id].totals >= 100]
        columns = [slides[seen.id].genes.index(gene) for gene in genes]
        np.testing.assert_array_equal(seen.panel_counts, counts[:, columns])  # type: ignore[union-attr]


def test_panels_and_counts_do_not_depend_on_the_target(slides: dict[str, Slide]):
    for genes in ("highest", "train-hvg", "svg"):
        one, other = (fold_of(slides, genes=genes, target=target) for target in ("logcpm", "pearson"))
        assert one.panel.genes == other.panel.genes and one.panel.hash == other.panel.hash
        assert not np.allclose(one.expression("S2"), other.expression("S2"))


def correlations(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    return np.array([np.corrcoef(truth[:, g], prediction[:, g])[0, 1] for g in range(truth.shape[1])])


def test_inner_trials_are_judged_on_residuals(slides: dict[str, Slide]):
    fold, slide = fold_of(slides), slides["S1"]
    scored, prediction = slide.totals >= 100, np.random.default_rng(1).normal(size=(slide.n_spots, 12))
    found = fold.validation_slide("S1").scores(prediction, np.full(12, NEVER_CONSTANT))
    truth = scanpys_residuals(slide, fold.panel.genes)
    assert found["pcc"] == pytest.approx(correlations(truth, prediction[scored]).mean(), abs=1e-12)
    perfect = np.zeros((slide.n_spots, 12))
    perfect[scored] = truth
    best = fold.validation_slide("S1").scores(perfect, np.full(12, NEVER_CONSTANT))
    assert best["pcc"] == pytest.approx(1) and best["pcc_given_depth"] == pytest.approx(1)
    of_logs = fold_of(slides, target="logcpm").validation_slide("S1")
    assert of_logs.scores(perfect, np.full(12, NEVER_CONSTANT))["pcc"] < 0.99


def test_at_equal_depth_residuals_of_the_drawn_counts_are_scored():
    """Of spots of one depth a gene's residual is a line in its count, up to where it is clipped."""
    rng, n_spots, n_genes = np.random.default_rng(2), 400, 4
    share = np.exp(rng.normal(0, 1.2, (n_spots, n_genes)))
    panel = rng.poisson(20 * share)
    totals = panel.sum(axis=1) + 5_000
    totals[:40] = panel[:40].sum(axis=1).max() + 400  # so that T0 is theirs
    depth = int(np.percentile(totals, 10))
    slide = ValidationSlide("S", tuple("abcd"), panel, totals, np.ones(n_spots, dtype=bool), target="pearson")
    found = slide.scores(share, np.full(n_genes, NEVER_CONSTANT))["pcc_equal_depth"]
    deep = totals >= depth
    expected, of_logs = [], []
    for _ in range(50):
        counts = np.array(
            [
                rng.multivariate_hypergeometric([*genes, total - genes.sum()], depth)[:-1]
                for genes, total in zip(panel[deep], totals[deep], strict=True)
            ]
        )
        mean = counts.mean(axis=0)
        limit = np.sqrt(deep.sum()) * np.sqrt(mean + mean**2 / 100)
        expected.append(correlations(np.minimum(counts, mean + limit), share[deep]).mean())
        of_logs.append(correlations(np.log1p(1e6 * counts / depth), share[deep]).mean())
    assert found == pytest.approx(np.mean(expected), abs=0.01)
    assert abs(found - np.mean(of_logs)) > 0.05
