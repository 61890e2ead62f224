"""Single genes, the slides that are drawn, and clusters: against values worked out by hand."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reporting.record_factory import GENES, PATIENTS, TABLE, complete, make_record, make_truth, with_arrays
from reporting.report.synthetic_run import picture

from stbench.record import Record, SlideScores
from stbench.reporting.report.boards import Board, build_boards
from stbench.reporting.report.packed import NOTHING, packed_values, unpacked
from stbench.reporting.report.per_gene import gene_scores
from stbench.reporting.report.sections.choosing import chosen_genes
from stbench.reporting.report.sections.clusters import matched_groups, new_clusters
from stbench.reporting.report.sections.genes import genes_section
from stbench.reporting.report.sections.sheets import EDGE, new_sheet
from stbench.reporting.report.sections.tissue import tissue_section
from stbench.reporting.report.stored import StoredArrays
from stbench.reporting.results.store import RunStore

PCC = dict.fromkeys(PATIENTS, 0.2)


def scored(slide: str, patient: str | None, genes: dict[str, float | None], name: str = "pcc") -> SlideScores:
    return SlideScores(slide, patient, 10, 8, {}, tuple(genes), {name: tuple(genes.values())})


def record_with(slide: str, genes: dict[str, float | None], seed: int = 0, patients=PATIENTS) -> Record:
    record = make_record("ridge", slide, seed=seed, patients=patients)
    return replace(record, slides=(scored(slide, patients[slide], genes),))


def board(*records: Record) -> Board:
    (only,) = build_boards(records, "ridge")
    return only


def test_genes_are_averaged_over_seeds_slides_and_patients():
    found = board(
        record_with("B1", {"FASN": 0.2, "GNAS": None}),
        record_with("B1", {"FASN": 0.4, "GNAS": None}, seed=1),
        record_with("B2", {"FASN": 0.5, "GNAS": 0.1}),
        record_with("C1", {"ERBB2": 0.9, "FASN": -0.2}),
    )
    scores = gene_scores(found.entries[0], "pcc")
    assert scores.genes == ("ERBB2", "FASN", "GNAS") and scores.patients == 2
    # FASN of patient B: mean of 0.3 (two seeds) and 0.5; of C: -0.2.
    np.testing.assert_allclose(scores.by_unit, [[np.nan, 0.4, 0.1], [0.9, -0.2, np.nan]])
    np.testing.assert_allclose(scores.mean, [0.9, 0.1, 0.1])
    assert scores.n_defined.tolist() == [1, 2, 1]


def test_slides_are_the_units_where_patients_are_not_stated():
    nobody = dict.fromkeys(PATIENTS)
    found = board(*(record_with(slide, {"FASN": 0.1}, patients=nobody) for slide in ("B1", "B2", "C1")))
    scores = gene_scores(found.entries[0], "pcc")
    assert scores.patients is None and scores.n_defined.tolist() == [3]


def test_few_patients_give_a_list_without_a_claim():
    section = genes_section(board(*complete("ridge", PCC)))
    (row,) = section.rows
    assert row["genes"] == sorted(GENES) and row["columns"][0] == [None, 0.1, 0.5]
    assert (
        row["passed"] == [None, None, None] and "at least 6 patients, and here are 3" in section.why_no_trust
    )


def test_six_patients_tell_which_genes_hold():
    slides = tuple("ABCDEF")
    patients = dict(zip(slides, slides, strict=True))
    table = replace(TABLE, slides=slides)
    noise = (0.3, -0.3, 0.2, -0.2, 0.1, -0.1)
    records = []
    for slide, jitter in zip(slides, noise, strict=True):
        record = make_record("ridge", slide, table=table, patients=patients)
        genes: dict[str, float | None] = {"HOLDS": 0.5 + jitter / 10, "NOISE": jitter}
        records.append(replace(record, slides=(scored(slide, slide, genes),)))
    section = genes_section(board(*records))
    assert section.why_no_trust == ""
    assert section.rows[0]["genes"] == ["HOLDS", "NOISE"] and section.rows[0]["passed"][0] == [0]


def test_the_best_the_median_and_those_asked_for_are_drawn():
    slides = [scored("B1", "B", {f"G{i}": i / 10 for i in range(9)})]
    chosen = dict(chosen_genes(slides, ["G2", "ABSENT"], 4))
    assert chosen == {
        "G2": "asked for",
        "G8": "among the highest PCC",
        "G4": "median PCC",
        "G0": "lowest PCC",
    }
    assert [gene for gene, _ in chosen_genes(slides, [], 2)] == ["G8", "G4"]
    assert len(chosen_genes(slides, [], 99)) == 9


def test_genes_are_judged_by_the_mean_over_rows():
    slides = [scored("B1", "B", {"A": 0.9, "B": 0.5}), scored("B1", "B", {"A": 0.0, "B": 0.6})]
    assert chosen_genes(slides, [], 1)[0].gene == "B"


def test_packed_values_are_exact_to_a_step():
    values = np.array([0.0, 1.0, 3.7, 10.16, np.nan])
    packed = packed_values(values)
    np.testing.assert_allclose(unpacked(packed), values, atol=10.16 / 254 / 2 + 1e-9)
    assert base64.b64decode(packed["codes"])[-1] == NOTHING
    assert unpacked(packed_values(np.full(3, 4.0))).tolist() == [4.0] * 3
    assert np.isnan(unpacked(packed_values(np.full(2, np.nan)))).all()


def test_spots_lie_where_they_lie_on_the_small_picture():
    truth = replace(make_truth(), thumbnail=picture(4, np.random.default_rng(0)), thumbnail_scale=0.5)
    sheet = new_sheet(truth, [])
    # The tissue is cropped out: every spot lies inside, a margin away from the edges, and nothing is stretched.
    assert max(sheet["width"], sheet["height"]) == EDGE and sheet["picture"].startswith("data:image/jpeg")
    assert all(0 < x < sheet["width"] for x in sheet["x"]) and all(
        0 < y < sheet["height"] for y in sheet["y"]
    )
    drawn, stored = np.stack([sheet["x"], sheet["y"]], axis=1), truth.pixel_xy * 0.5
    scale = np.ptp(drawn[:, 0]) / np.ptp(stored[:, 0])
    np.testing.assert_allclose(drawn - drawn[0], (stored - stored[0]) * scale, atol=0.2)
    small = Image.open(io.BytesIO(base64.b64decode(sheet["picture"].partition(",")[2])))
    assert small.size == (sheet["width"], sheet["height"])
    corner = stored[0] - drawn[0] / scale
    whole = Image.open(io.BytesIO(truth.thumbnail.tobytes())).convert("RGB")
    box = tuple(np.rint([*corner, *(corner + np.array(small.size) / scale)]).astype(int))
    difference = np.asarray(whole.crop(box).resize((32, 32)), float) - np.asarray(
        small.resize((32, 32)), float
    )
    assert np.abs(difference).mean() < 8  # the same part of the picture, but for JPEG
    assert sheet["unscored"] == [0]


def test_without_a_picture_the_spots_fill_the_sheet():
    sheet = new_sheet(make_truth(), [])
    assert sheet["picture"] is None
    assert min(sheet["x"]) == EDGE / 20 and max(*sheet["x"], *sheet["y"]) == pytest.approx(EDGE * 19 / 20)


def test_measured_and_predicted_values_are_those_stored(tmp_path: Path):
    record = with_arrays(make_record("ridge", "B1"))
    RunStore(tmp_path).save(record)
    section = tissue_section(board(record), StoredArrays([tmp_path]), ["ERBB2"], 3)
    (sheet,) = section.slides
    gene = next(gene for gene in sheet["genes"] if gene["gene"] == "ERBB2")
    truth, place = record.truths["B1"], GENES.index("ERBB2")
    measured = np.log1p(1e6 * truth.counts[:, place] / truth.totals)
    np.testing.assert_allclose(unpacked(gene["measured"]), measured, atol=0.03)
    np.testing.assert_allclose(
        unpacked(gene["rows"][0]["values"]), record.predictions["B1"][:, place], atol=0.02
    )
    assert gene["why"] == "asked for" and gene["rows"][0]["pcc"] is None and gene["rows"][0]["row"] == 0
    assert section.why_none == "" and "at least two labels" in section.why_no_clusters


def test_the_first_seed_is_drawn(tmp_path: Path):
    records = [with_arrays(make_record("ridge", "B1", seed=seed)) for seed in (0, 1)]
    for record in records:
        RunStore(tmp_path).save(record)
    (sheet,) = tissue_section(board(*records), StoredArrays([tmp_path]), [], 3).slides
    assert len(sheet["genes"][0]["rows"]) == 1


def test_predictions_that_do_not_fit_are_told_and_left_out(tmp_path: Path):
    record = replace(
        with_arrays(make_record("ridge", "B1")), predictions={"B1": np.zeros((12, 7), np.float32)}
    )
    RunStore(tmp_path).save(record)
    section = tissue_section(board(record), StoredArrays([tmp_path]), [], 3)
    assert "shape (12, 7)" in section.problems[0] and section.slides[0]["genes"][0]["rows"] == []


def test_groups_take_the_number_of_the_label_that_they_share_most():
    codes = np.array([0, 0, 0, 1, 1, 2, 2])
    groups = np.array([2, 2, 1, 0, 0, 1, 1])
    assert matched_groups(groups, codes, 3).tolist() == [0, 0, 2, 1, 1, 2, 2]


def test_measured_values_that_follow_the_labels_are_clustered_like_them():
    labels = np.array(["fat"] * 6 + ["tumour"] * 5 + ["undetermined"], dtype=object)
    counts = np.where((labels == "tumour")[:, None], [[30, 1, 1]], [[1, 30, 1]]) + np.arange(12)[:, None] % 2
    truth = replace(make_truth(), counts=counts, totals=np.full(12, 300), annotation=labels)
    found = new_clusters(truth, ("undetermined",))
    assert found is not None and found["labels"] == ["fat", "tumour"]
    expected = [NOTHING, *[0] * 5, *[1] * 5, NOTHING]  # the first spot is not scored, the last has no label
    assert list(base64.b64decode(found["annotation"])) == expected
    assert list(base64.b64decode(found["rows"][0]["codes"])) == expected and found["rows"][0]["ari"] == 1.0


def test_one_label_is_nothing_to_compare_with():
    assert new_clusters(make_truth(), ()) is None
    assert new_clusters(replace(make_truth(), annotation=None), ()) is None
