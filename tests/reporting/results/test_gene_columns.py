"""What folds with panels of their own have in common, and means over it, against values worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from reporting.record_factory import failed, make_record

from stbench.record import Record, SlideScores
from stbench.reporting.results.gene_columns import common_genes, mean_over_genes


def record(slide: str, genes: dict[str, float | None], panel: str = "", seed: int = 0) -> Record:
    """A Record whose panel is the letters of `panel`, or the genes that it scores."""
    scores = SlideScores(
        slide,
        slide[0],
        10,
        8,
        {"pcc": 0.9},
        tuple(genes),
        {"pcc": tuple(genes.values()), "pcc_equal_depth": ()},
    )
    made = make_record("ridge", slide, seed=seed)
    return replace(made, panel_genes=tuple(panel or genes), slides=(scores,))


def test_genes_of_all_panels_are_common():
    records = [record("B1", {}, "DABC"), record("B2", {}, "CEDA"), record("C1", {}, "ADFC", seed=1)]
    assert common_genes(records) == ("A", "C", "D")
    assert common_genes(reversed(records)) == ("A", "C", "D")
    assert common_genes([*records, record("D1", {}, "EF")]) == ()


def test_a_failed_fold_has_no_panel_and_takes_none_away():
    records = [record("B1", {}, "ABC"), replace(failed(record("B2", {}, "XYZ"), "out of memory"))]
    assert common_genes(records) == ("A", "B", "C")
    assert common_genes(records[1:]) == common_genes([]) == ()


def test_the_mean_is_over_those_genes_and_what_is_defined():
    records = [
        record("B1", {"A": 0.2, "B": 0.9, "C": 0.4}),
        record("B2", {"A": None, "B": 0.1, "C": -0.5}),
        record("C1", {"A": 0.3, "D": 0.8}, panel="ACD"),  # C is not measured there
        record("D1", {"A": None, "C": None}),
    ]
    assert mean_over_genes(records, ("A", "C")) == {
        "B1": pytest.approx(0.3), "B2": -0.5, "C1": 0.3, "D1": None
    }  # fmt: skip
    assert mean_over_genes(records, ("A",), "pcc_equal_depth") == dict.fromkeys(("B1", "B2", "C1", "D1"))


def test_seeds_of_a_slide_are_averaged():
    records = [record("B1", {"A": 0.2, "B": 0.4}), record("B1", {"A": 0.5, "B": None}, seed=1)]
    assert mean_over_genes(records, ("A", "B")) == {"B1": pytest.approx((0.3 + 0.5) / 2)}
    assert mean_over_genes([failed(records[0], "no")], ("A",)) == {}
