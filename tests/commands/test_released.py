"""A model that was fitted elsewhere is a contestant: scored as others are, and never as held out on what it saw."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from plugins.command import leftovers, stbench
from reporting.report.synthetic_run import figures_not_drawn

from stbench.commands.asked import Asked
from stbench.commands.choosing import find_slides
from stbench.commands.preparing import prepare
from stbench.commands.released import model_contestant
from stbench.models.model_card import ModelCard
from stbench.models.model_file import KeptModel, read_model, write_model
from stbench.models.tensor_file import of_bytes
from stbench.preprocess.encoders import embeddings_of
from stbench.preprocess.patches import PatchSize
from stbench.reporting.results.store import RunStore

FIT = ("--genes", "highest", "--inner", "none")


@pytest.fixture(scope="module")
def models(tmp_path_factory, cache_of_the_session) -> Path:
    """Ridge fitted on two slides of demo, and on two of demo-tiny, which have the same names."""
    from stbench.reporting.mlflow.tracking import MlflowTracker

    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MlflowTracker, "log_model", lambda *_: None)
        patch.setenv("STBENCH_CACHE", str(cache_of_the_session))
        for dataset, n_genes in (("demo", 24), ("demo-tiny", 12)):
            to, on = folder / f"{dataset}.stbench", ("--dataset", dataset, "--slides", "A1,B1")
            result = stbench(
                "fit",
                "--method",
                "ridge",
                *on,
                *FIT,
                "--n-genes",
                n_genes,
                "--to",
                to,
                "--out",
                folder / "runs",
            )
            assert result.status == 0, result.err
    return folder


@pytest.fixture(scope="module")
def ran(models, cache_of_the_session, few_starts):
    """Both models on all of demo-tiny with a wider panel, and the one table that comes out."""
    from stbench import registry
    from stbench.reporting.mlflow.tracking import MlflowTracker

    named = ",".join(f"model:{models / name}.stbench" for name in ("demo", "demo-tiny"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STBENCH_CACHE", str(cache_of_the_session))
        patch.setattr(registry, "floor_methods", lambda: ["mean", "smooth"])
        patch.setattr(MlflowTracker, "log", lambda *_: None)
        out = models / "runs"
        on = ("--dataset", "demo-tiny", *FIT, "--n-genes", 15, "--seeds", "0,1")
        result = stbench("run", "--method", named, *on, "--out", out, "--json")
        assert result.status == 0, result.err
        shown = stbench("leaderboard", "--out", out, "--format", "md")
        with figures_not_drawn():
            assert stbench("report", "--out", out, "--to", models / "report").status == 0
    (table,) = result.document["tables"]
    return {row["label"]: row for row in table["rows"]}, table, RunStore(out).records()[0], shown.out


def _row(ran, dataset: str) -> dict:
    return next(row for label, row in ran[0].items() if label.startswith(f"ridge ({dataset} "))


def test_its_predictions_are_timed_and_its_numbers_counted(ran, models):
    row = _row(ran, "demo-tiny")
    learned = read_model(models / "demo-tiny.stbench").state.arrays
    assert row["parameters"] == sum(learned[name].size for name in ("alignment", "axes", "mean", "centre"))
    assert 0 < row["predict_seconds_per_1000_spots"] < 1000
    records = [record for record in ran[2] if record.kind == "released"]
    assert records and all(record.cost["peak_memory_mb"] > 10 for record in records)


def changed(model: KeptModel, to: Path, **fields) -> Path:
    card = ModelCard.model_validate({**model.card.model_dump(), **fields})
    write_model(
        to, KeptModel(card, model.state, model.origin, model.unit, model.slide_means, model.slide_spreads)
    )
    return to


def test_same_names_of_another_data_set_were_not_seen(ran):
    row = _row(ran, "demo")
    assert row["kind"] == "released" and row["seen"] == dict.fromkeys(("A1", "B1", "C1", "D1"), "no")
    assert row["ranked"] and row["marks"] == [] and row["sealed"] != "not sealed"
    assert row["seeds"] == [0] and row["fit_seconds"] is None and row["n_slides"] == 4


def test_slides_that_it_was_fitted_on_are_named_and_leave_it_without_rank_and_test(ran):
    _, table, _, shown = ran
    row = _row(ran, "demo-tiny")
    assert row["seen"] == {"A1": "yes", "B1": "yes", "C1": "no", "D1": "no"}
    assert not row["ranked"] and row["marks"] == ["saw test slides"]
    others = [slide["pcc"] for slide in row["slides"] if slide["slide"] in ("C1", "D1")]
    assert any(f"PCC {np.mean(others):.3f} on the 2 others" in note for note in row["notes"])
    tested = {test["method"] for test in table["tests"]["pcc"]}
    assert row["label"] not in tested and _row(ran, "demo")["label"] in tested
    assert "| may have seen these slides |" in shown and "| yes: A1, B1 |" in shown
    assert shown.count("May have seen these slides: yes where counts or image") == 1


@pytest.mark.parametrize("dataset", ["demo", "demo-tiny"])
def test_genes_that_it_does_not_predict_are_left_out_and_counted(dataset, models, ran):
    records = [record for record in ran[2] if record.row.method.startswith(f"ridge ({dataset} ")]
    known = set(read_model(models / f"{dataset}.stbench").card.genes)
    assert len(records) == 4
    for record in records:
        (scores,) = record.slides
        expected = [gene for gene in record.panel_genes if gene in known]
        assert list(scores.genes) == expected and len(record.panel_genes) == 15
        words = (
            f"{15 - len(expected)} panel genes of {scores.slide} are not predicted, left out and not scored"
        )
        assert (words in record.notes) == (len(expected) < 15)
    assert dataset == "demo" or len(expected) < 15


def test_the_score_is_that_of_the_line_in_the_file(models, ran, shared_cache):
    """PCC of one slide worked out from the file's arrays, the encoder's embeddings and the slide's counts."""
    source = next(source for source in find_slides("demo-tiny", None)[0] if source.id == "C1")
    slide, kept = source.read(), of_bytes((models / "demo.stbench").read_bytes(), "").arrays
    x = np.asarray(embeddings_of(slide, "efficientnet_lite0", PatchSize()), dtype=float)
    scores = (x - kept["method.centre"]) @ kept["method.axes"].T
    line = kept["method.mean"] + scores @ (
        kept["method.alignment"] / (kept["method.strength"] + 100)[:, None]
    )
    predicted = line * kept["scaling.unit"] + kept["scaling.origin"]
    totals = np.asarray(slide.counts.sum(axis=1)).ravel()
    genes, scored = read_model(models / "demo.stbench").card.genes, totals >= 100
    record = next(r for r in ran[2] if r.row.method.startswith("ridge (demo ") and r.test_slides == ("C1",))
    found = dict(zip(record.slides[0].genes, record.slides[0].per_gene["pcc"], strict=True))
    for gene, value in found.items():
        counts = slide.counts[:, slide.genes.index(gene)].toarray().ravel()
        truth = np.log1p(1e6 * counts / totals)
        if np.ptp(truth[scored]):
            expected = np.corrcoef(truth[scored], predicted[scored, genes.index(gene)])[0, 1]
            assert value == pytest.approx(expected, abs=1e-4)


def test_a_second_run_does_nothing_and_another_file_is_another_row(models, ran, tmp_path, quick):
    named = f"model:{models / 'demo.stbench'}"
    asked = Asked.of(
        methods=(named,), dataset="demo-tiny", genes="highest", n_genes=15, inner="none", seeds=(0, 1)
    )
    assert prepare(asked, models / "runs").pending() == []
    other = changed(read_model(models / "demo.stbench"), tmp_path / "other", notes=["another"])
    again = prepare(asked.model_copy(update={"methods": (f"model:{other}",)}), models / "runs").pending()
    assert [job.row.method for job in again] == [model_contestant(f"model:{other}").name] * 4
    assert model_contestant(named).name != model_contestant(f"model:{other}").name


def test_the_report_has_a_matrix_with_the_nested_rows_beside(models, ran):
    page = (models / "report" / "index.html").read_text(encoding="utf-8")
    assert 'id="transfer"' in page and "Trained there, tested here" in page
    assert f"{_row(ran, 'demo')['pcc']:.3f} ({_row(ran, 'demo')['pcc_equal_depth']:.3f})" in page


REFUSED = {
    "no file": ({}, "is not there"),
    "changed byte": ({}, "checksum does not agree"),
    "another version": ({"stbench": "0.0.1"}, "was written by stbench 0.0.1"),
    "method not installed": ({"method": "nowhere"}, "a method that is not installed here"),
    "encoder not installed": (
        {"encoder": {"encoder": "nowhere"}},
        "trained with embeddings of 'nowhere', an encoder that is not installed",
    ),
    "encoder of other weights": (
        {"encoder": {"encoder": "efficientnet_lite0", "weights": "x"}},
        "is not the one that",
    ),
    "another target": ({"target": "pearson"}, "run with --target pearson"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_run_is_one_sentence(case, models, tmp_path, quick):
    fields, words = REFUSED[case]
    model, path = read_model(models / "demo.stbench"), tmp_path / "model"
    if case == "changed byte":
        data = bytearray((models / "demo.stbench").read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
    elif case != "no file":
        changed(model, path, **fields)
    result = stbench("run", "--method", f"model:{path}", "--dataset", "demo-tiny", "--out", tmp_path / "out")
    assert result.status == 2 and words in result.err, result.err
    assert "Traceback" not in result.err and len(result.err.strip().splitlines()) <= 2
    assert not leftovers(tmp_path / "out") if (tmp_path / "out").exists() else True


def test_a_panel_of_which_it_knows_less_than_half_is_a_failed_row(models, tmp_path, quick):
    known = set(read_model(models / "demo.stbench").card.genes)
    measured = find_slides("demo-tiny", None)[0][0].read().genes
    unknown = [gene for gene in measured if gene not in known][:6]
    (tmp_path / "panel.txt").write_text("\n".join([*unknown, *sorted(known & set(measured))[:2]]))
    result = stbench(
        "run", "--method", f"model:{models / 'demo.stbench'}", "--dataset", "demo-tiny", "--slides", "A1,B1",
        "--inner", "none", "--genes", f"file:{tmp_path / 'panel.txt'}", "--out", tmp_path / "out",
    )  # fmt: skip
    assert result.status == 1 and "predicts 2 of the 8 genes of the panel, fewer than half" in result.err


def test_a_model_is_neither_fitted_nor_audited(models, tmp_path, quick):
    named = f"model:{models / 'demo.stbench'}"
    for command in (
        ("fit", "--method", named, "--dataset", "demo-tiny", "--to", tmp_path / "x"),
        ("audit", "--method", named, "--dataset", "demo-tiny"),
    ):
        result = stbench(*command)
        assert result.status == 2 and "fitted" in result.err, result.err


CARD = """title: Known elsewhere
summary: A predictor with weights of its own.
family: fixture
kind: released
released: {genes: genes.txt, pretraining: PRETRAINING}
"""
CODE = '''"""A predictor whose one weight lies beside it."""
from pathlib import Path
import numpy as np
from stbench.contract import ReleasedMethod

class Elsewhere(ReleasedMethod):
    def __init__(self): pass
    def restore(self, state, device="cpu"):
        self.weight = float((Path(__file__).parent / "weight.txt").read_text())
    def predict(self, slide):
        x = np.asarray(slide.pixel_xy, dtype=float)[:, :1]
        return 5 + self.weight * x * np.ones((1, 8))

plugin = Elsewhere
'''


@pytest.mark.parametrize(
    ("pretraining", "words"),
    [("unknown", "unknown"), ("{datasets: {demo-tiny: [B1], elsewhere: []}}", "yes: B1"), ("{datasets: {}}", "no")],
)  # fmt: skip
def test_a_plugin_with_weights_of_its_own(pretraining, words, tmp_path, plug_in, quick):
    folder = tmp_path / "plugins" / "elsewhere"
    folder.mkdir(parents=True)
    genes = find_slides("demo-tiny", None)[0][0].read().genes[:8]
    (folder / "card.yaml").write_text(CARD.replace("PRETRAINING", pretraining))
    (folder / "__init__.py").write_text(CODE)
    (folder / "genes.txt").write_text("\n".join(genes))
    (folder / "weight.txt").write_text("0.001")
    (tmp_path / "panel.txt").write_text("\n".join(genes))
    plug_in(tmp_path / "plugins")
    on = ("--dataset", "demo-tiny", "--slides", "A1,B1", "--genes", f"file:{tmp_path / 'panel.txt'}")
    result = stbench("run", "--method", "elsewhere", *on, "--out", tmp_path / "out")
    assert result.status == 0, result.err
    records = [r for r in RunStore(tmp_path / "out").records()[0] if r.row.method == "elsewhere"]
    assert [r.kind for r in records] == ["released"] * 2 and not any(r.tuning for r in records)
    shown = stbench("leaderboard", "--out", tmp_path / "out", "--format", "md").out
    assert f"| {words} |" in shown
    assert ("**may have seen test slides**" in shown) == (pretraining == "unknown")
    refused = stbench("fit", "--method", "elsewhere", *on, "--to", tmp_path / "m", "--out", tmp_path / "out")
    assert refused.status == 2 and "nothing to fit" in refused.err
    assert json.dumps(records[0].to_plain())
