"""`stbench enrich`: regions by their genes, against scipy and hand-worked numbers, with depth alone beside."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from plugins.command import run_two_floors, stbench
from scipy.stats import hypergeom, mannwhitneyu, norm, spearmanr

from stbench.biology.agreement import agreement
from stbench.biology.differential import GeneList, Spots, differential, rank_sum
from stbench.biology.enrichment import enrichment
from stbench.biology.gene_sets import read_gmt, within
from stbench.errors import UsageError


def spots(slide: str, seed: int, shift: float, n: int = 30) -> Spots:
    """Three genes: one that is more in A, one that is less, one of noise."""
    rng = np.random.default_rng(seed)
    groups = np.array(["A"] * n + ["B"] * n + [""] * 5)
    expression = rng.normal(5, 1, (len(groups), 3)).clip(0)
    expression[:n, 0] += shift
    expression[:n, 1] -= shift
    return Spots(slide, ("up", "down", "noise"), expression.clip(0), groups)


def test_a_slide_is_tested_by_rank_sums():
    one = spots("S1", 0, 0.5)
    found = rank_sum(one, "A", "B")
    for place, gene in enumerate(one.genes):
        a, b = (one.expression[one.groups == group, place] for group in "AB")
        p = mannwhitneyu(a, b, method="asymptotic", use_continuity=False).pvalue
        assert 2 * norm.sf(abs(found[gene][0])) == pytest.approx(p, rel=1e-4)
    assert found["up"][0] > 0 > found["down"][0]


def test_slides_are_combined_by_stouffer_and_corrected_over_genes():
    slides = [spots("S1", 0, 1.0), spots("S2", 1, 1.0), spots("S3", 2, 1.0)]
    found = differential(slides, "A", "B")
    z = np.array([[rank_sum(s, "A", "B")[gene][0] for s in slides] for gene in found.genes]).sum(1) / np.sqrt(
        3
    )
    assert found.z == pytest.approx(z)
    p = np.sort(2 * norm.sf(np.abs(z)))
    by_hand = np.minimum.accumulate((p * 3 / np.arange(1, 4))[::-1])[::-1]
    assert np.sort(found.q) == pytest.approx(by_hand)
    assert found.up()[0] == "up" and "down" not in found.up() and found.slides == ("S1", "S2", "S3")


def test_a_slide_with_too_few_spots_is_left_out_and_none_left_is_said():
    few = spots("S2", 1, 0.4)
    few.groups[few.groups == "B"] = ""
    assert differential([spots("S1", 0, 0.4), few], "A", "B").slides == ("S1",)
    with pytest.raises(UsageError, match="S2 has 0 spots of B; 3 are needed"):
        differential([few], "A", "B")


def gene_list(z: list[float], fold: list[float]) -> GeneList:
    genes = tuple("abcd"[: len(z)])
    return GeneList(genes, np.array(z), np.array(fold), np.where(np.abs(z) > 3, 0.01, 0.5), ("S1",))


def test_agreement_by_hand():
    """Of four genes two are sure: predicted, one of these is among the two surest; three signs of four are the same."""
    measured = gene_list([5.0, -4.0, 1.0, 0.5], [2.0, -1.0, 0.3, 0.1])
    predicted = gene_list([6.0, -0.5, -3.5, 0.1], [1.0, -0.2, -0.4, 0.05])
    found = agreement(measured, predicted)
    assert (found.n_genes, found.same_sign, found.n_top) == (4, 0.75, 2)
    assert found.overlap == 0.5 and found.chance == 0.5
    assert found.correlation == pytest.approx(spearmanr(measured.fold, predicted.fold)[0])


def test_the_background_is_the_panel():
    panel = [f"G{i}" for i in range(20)]
    sets = {"mine": ("G0", "G1", "G2", "G3"), "other": ("G10", "G11"), "none": ("G18", "G19")}
    found = enrichment(["G0", "G1", "G2", "G10"], sets, panel)
    p = {"mine": hypergeom.sf(2, 20, 4, 4), "other": hypergeom.sf(0, 20, 2, 4)}
    assert {name: one.p for name, one in found.items()} == pytest.approx(p)
    assert found["mine"].q == pytest.approx(
        min(1, p["mine"] * 3)
    )  # of three sets asked, also the one with nothing
    assert (found["mine"].found, found["mine"].size, found["mine"].genes) == (3, 4, ("G0", "G1", "G2"))
    assert enrichment([], sets, panel) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no gene set"),
        ("SET only a name\n", "is no gene set; GMT has a name"),
        ("SET\tabout\n", "line 1, is no gene set"),
        ("SET\tabout\tA\nSET\tabout\tB\n", "twice"),
        ("SET\tabout\tENSG00000000003\n", "give gene sets with names of the panel's kind"),
    ],
)
def test_a_file_of_gene_sets_that_is_none_is_one_sentence(tmp_path, text, said):
    path = tmp_path / "sets.gmt"
    path.write_text(text)
    with pytest.raises(UsageError, match=said):
        within(read_gmt(path), ["TP53"], path)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, cache_of_the_session: Path) -> Path:
    out = tmp_path_factory.mktemp("enrich")
    return run_two_floors(out, cache_of_the_session, n_genes=30, methods=("knn", "depth"))


def told(results: Path, *more: object) -> dict:
    found = stbench("enrich", "--dataset", "demo-tiny", "--out", results, "--json", *more)
    assert found.status == 0, found.err
    return json.loads(found.out)


def regions_of(results: Path) -> list[str]:
    from stbench.reporting.results.store import RunStore

    store = RunStore(results)
    truth = next(iter(store.load_truths(store.records()[0][0]).values()))
    names, counts = np.unique(np.asarray(truth.annotation)[truth.scored], return_counts=True)
    return [
        str(name) for name, _ in sorted(zip(names, counts, strict=True), key=lambda pair: -pair[1]) if name
    ]


def test_depth_alone_stands_in_the_same_table(results, tmp_path):
    first, second, *_ = regions_of(results)
    (table,) = told(results, "--method", "knn", "--groups", f"{first},{second}")["tables"]
    assert [contrast["source"] for contrast in table["contrasts"]] == ["measured", "knn", "depth"]
    n_genes = {len(contrast["genes"]) for contrast in table["contrasts"]}
    assert len(n_genes) == 1 and table["contrasts"][0]["agreement"] is None
    assert all(0 <= contrast["agreement"]["same_sign"] <= 1 for contrast in table["contrasts"][1:])


def test_a_fold_that_the_method_lacks_is_no_ones(results, tmp_path):
    own = shutil.copytree(results, tmp_path / "own")
    first, *_ = [file for file in (own / "records").iterdir() if '"method":"knn"' in file.read_text()]
    (gone,) = json.loads(first.read_text())["record"]["test_slides"]
    first.unlink()
    (table,) = told(own, "--method", "knn", "--groups", "tumour,stroma")["tables"]
    assert [contrast["source"] for contrast in table["contrasts"]] == ["measured", "knn", "depth"]
    assert {gone} & {slide for contrast in table["contrasts"] for slide in contrast["slides"]} == set()


def test_gene_sets_are_asked_of_every_source(results, tmp_path):
    first, second, *_ = regions_of(results)
    question = ("--method", "knn", "--groups", f"{first},{second}")
    (table,) = told(results, *question)["tables"]
    (measured, *_) = table["contrasts"]
    rising = [line["gene"] for line in measured["genes"] if line["q"] < 0.05 and line["z"] > 0]
    others = [line["gene"] for line in measured["genes"] if line["gene"] not in rising][:5]
    gmt = tmp_path / "sets.gmt"
    gmt.write_text(
        "\n".join("\t".join([name, "", *genes]) for name, genes in (("RISING", rising), ("REST", others)))
    )
    (table,) = told(results, *question, "--gmt", gmt)["tables"]
    up = table["contrasts"][0]["sets"][0]
    assert up["RISING"]["found"] == len(rising) and "REST" not in up
    shown = stbench("enrich", "--dataset", "demo-tiny", "--out", results, *question, "--gmt", gmt).out
    assert "RISING" in shown and "depth" in shown and "no more biology" in " ".join(shown.split())


def test_markdown_and_csv_hold_what_the_json_does(results):
    question = ("--method", "knn", "--groups", "tumour,stroma")
    asked = ("enrich", "--dataset", "demo-tiny", "--out", results, *question)
    (table,) = told(results, *question)["tables"]
    lines = list(csv.DictReader(io.StringIO(stbench(*asked, "--format", "csv").out)))
    assert {line["synthetic"] for line in lines} == {"True"}
    genes = [(c["source"], gene["gene"], gene["q"]) for c in table["contrasts"] for gene in c["genes"]]
    assert [(line["expression"], line["gene"], float(line["q"])) for line in lines] == genes
    shown = stbench(*asked, "--format", "md").out
    agreed = table["contrasts"][1]["agreement"]
    assert (
        f"| knn | {sum(g['q'] < 0.05 for g in table['contrasts'][1]['genes'])} | {agreed['same_sign']:.2f} |"
        in shown
    )
    assert "SYNTHETIC" in shown and stbench(*asked, "--format", "yaml").status == 2


@pytest.mark.parametrize(
    ("groups", "method", "said"),
    [
        ("tumour", "knn", "takes two regions"),
        ("tumour", "knn", "There are: "),
        ("Tumour,stroma", "knn", "Did you mean tumour? There are: "),
        ("", "knn", "found none. There are: "),
        ("tumour,stroma", "spahgc", "stbench run --method spahgc --dataset demo-tiny --out"),
        ("nowhere,tumour", "knn", "nowhere"),
        ("tumour,stroma", "nobody", "nobody"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(results, groups, method, said):
    found = stbench(
        "enrich", "--dataset", "demo-tiny", "--out", results, "--method", method, "--groups", groups
    )
    assert found.status == 2 and said in found.err and "bug" not in found.err
