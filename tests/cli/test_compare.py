"""`stbench compare`: the paired numbers, the sentence, the figures, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from plugins.command import stbench
from reporting.record_factory import TABLE, complete, make_record

from stbench.reporting.results.store import RunStore
from stbench.reporting.tables.paired_view import paired_views

GOOD = {"B1": 0.1, "B2": 0.3, "C1": 0.6, "D1": 0.3, "D2": 0.5}
POOR = {slide: score - 0.1 for slide, score in GOOD.items()}


def records():
    return [
        *complete("spahgc", GOOD, variant="paper"),
        *complete("spahgc", POOR, variant="released"),
        *complete("ridge", POOR, kind="floor"),
    ]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    for record in records():
        RunStore(tmp_path / "runs").save(record)
    return tmp_path / "runs"


def test_slides_and_patients_are_paired():
    (view,) = paired_views(records(), "spahgc (paper)", "ridge", "her2")
    assert view.first.label == "spahgc (published settings)"
    assert view.slides["C1"] == (pytest.approx(0.6), pytest.approx(0.5))
    assert (view.test.n, view.test.unit) == (3, "patient")
    assert view.test.difference == pytest.approx(0.1)
    assert (
        "cannot be told with n=3" in view.sentence
        and "p = 0.25 by sign flips, Wilcoxon p = 0.25, 3 patients" in view.sentence
    )
    assert view.genes.shape == (2 * 5, 2)  # the third gene is undefined


def test_a_full_label_names_a_row():
    (view,) = paired_views(records(), "spahgc (released)", "ridge", "her2")
    assert view.test.difference == pytest.approx(0)


@pytest.mark.parametrize(("pairs", "n"), [("slide", 5), ("gene-slide", 10)])
def test_other_pairings_are_marked(pairs, n):
    (view,) = paired_views(records(), "spahgc (paper)", "ridge", "her2", pairs)
    assert view.test.n == n and "PSEUDO-REPLICATED" in view.sentence


def test_the_command_shows_and_draws(out, tmp_path):
    found = stbench(
        "compare", "spahgc (paper)", "ridge", "--dataset", "her2", "--out", out, "--to", tmp_path / "figures"
    )
    assert found.status == 0 and "+0.100" in found.out and "cannot be told with n=3" in found.out
    files = sorted(path.suffix for path in (tmp_path / "figures").iterdir())
    assert files == [".png", ".svg"]
    document = stbench(
        "compare", "spahgc (paper)", "ridge", "--dataset", "her2", "--out", out, "--json"
    ).document
    assert document["views"][0]["slides"][0]["difference"] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("spahcg", "ridge", "--dataset", "her2"), "spahgc"),
        (("spahgc", "ridge", "--dataset", "cscc"), "stbench run --method spahgc --dataset cscc --out"),
        (("spahgc", "ridge", "--dataset", "cscc"), "no results of cscc"),
        (("spahgc", "knn"), "There are no results of knn on her2"),
        (("spahgc", "knn"), "but of ridge, spahgc"),
        (("spahgc", "knn"), "stbench run --method knn --dataset her2 --out"),
        ((), "stbench compare ridge smooth --dataset demo"),
        (("spahgc",), "compare takes two methods"),
        (("spahgc", "ridge", "--dataset", "her2", "--pairs", "spot"), "gene-slide"),
    ],
)
def test_what_is_not_there_is_said(out, arguments, words):
    found = stbench("compare", *arguments, "--out", out)
    assert found.status == 2 and words in found.err


def test_a_data_set_that_alone_has_results_need_not_be_named_and_of_several_one_must(out):
    found = stbench("compare", "spahgc (paper)", "ridge", "--out", out)
    assert found.status == 0 and "Data set her2, the only one with results" in found.err
    RunStore(out).save(make_record("ridge", "B1", table=replace(TABLE, dataset="cscc")))
    found = stbench("compare", "spahgc (paper)", "ridge", "--out", out)
    assert found.status == 2 and "cscc, her2; name one, as --dataset cscc" in found.err


def test_without_patients_it_says_so(tmp_path):
    nobody = dict.fromkeys(GOOD)
    for record in [*complete("a", GOOD, patients=nobody), *complete("b", POOR, patients=nobody)]:
        RunStore(tmp_path).save(record)
    found = stbench("compare", "a", "b", "--dataset", "her2", "--out", tmp_path)
    assert found.status == 2 and "--pairs slide" in found.err
