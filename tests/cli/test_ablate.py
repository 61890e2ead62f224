"""`stbench ablate`: the part that is changed and nothing else, paired with the full method, apart from leaderboards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from plugins.command import records, stbench
from plugins.joining import plugged
from reporting.report.synthetic_run import figures_not_drawn

from stbench import registry
from stbench.reporting.mlflow.tracking import MlflowTracker
from stbench.reporting.results.store import RunStore
from stbench.reporting.tables.published import published_ablations

CARD = """
title: Two parts
summary: Ridge regression, whose image can be taken away.
family: test
needs: {embeddings: true}
grid: [{}, {penalty: 100000.0}]
ablations:
  - {table: Table 2, name: w/o image, settings: {image: false}}
  - {table: Table S3, name: penalty=1, settings: {penalty: 1.0}}
  - {table: Table S3, name: offset=0, settings: {offset: 0.0}}
  - {table: Table 3, name: w/ UNI, encoder: uni}
"""
METHOD = """
import numpy as np
from stbench.contract import FitContext, Method, ParameterCount

class TwoParts(Method):
    def __init__(self, penalty: float = 1000.0, image: bool = True, offset: float = 0.0):
        self.penalty, self.image, self.offset, self.weights = penalty, image, offset, None

    def fit(self, train, queries=(), checkpoints=(), context=FitContext()):
        x, y = (np.concatenate([getattr(s, name) for s in train]) for name in ("embeddings", "expression"))
        self.centre, self.mean = x.mean(axis=0), y.mean(axis=0)
        gram = (x - self.centre) @ (x - self.centre).T
        self.basis = x - self.centre
        self.weights = np.linalg.solve(gram + self.penalty * np.eye(len(x)), y - self.mean)
        return self.report_without_epochs(queries, context)

    def predict(self, slide):
        own = (slide.embeddings - self.centre) @ self.basis.T @ self.weights
        return (self.mean + self.offset + own * self.image).astype(np.float32)

    def parameter_count(self):
        return ParameterCount(self.weights.size, self.weights.size)
"""


@pytest.fixture(scope="module")
def two_parts(tmp_path_factory: pytest.TempPathFactory, cache_of_the_session: Path) -> Iterator[Path]:
    """A results folder beside the plugin; `mean` is the only floor, and nothing is logged to MLflow."""
    with pytest.MonkeyPatch.context() as patch, plugged(patch) as plug_in:
        top = tmp_path_factory.mktemp("ablate")
        for name, card in (
            ("twoparts", CARD),
            ("mistaken", CARD.replace("{image: false}", "{imagee: false}")),
        ):
            folder = top / "plugins" / name
            folder.mkdir(parents=True)
            (folder / "card.yaml").write_text(card)
            (folder / "method.py").write_text(METHOD)
            (folder / "__init__.py").write_text("from .method import TwoParts as plugin\n")
        plug_in(top / "plugins")
        patch.setenv("STBENCH_CACHE", str(cache_of_the_session))
        patch.setattr(registry, "floor_methods", lambda: ["mean"])
        patch.setattr(MlflowTracker, "log", lambda *_: None)
        patch.setattr(
            "huggingface_hub.constants.HF_HUB_OFFLINE", True
        )  # no waiting for a network that is not there
        yield top / "out"


def ablate(out: Path, *more: object) -> dict:
    found = stbench(
        "ablate", "twoparts", "--dataset", "demo-tiny", "--n-genes", 12, "--out", out, "--json", *more
    )
    assert found.status == 0, found.err
    return json.loads(found.out)


def test_an_ablation_is_the_full_method_with_one_part_changed(two_parts):
    told = ablate(two_parts)
    by_name = {line["name"]: line for table in told["tables"] for line in table["ablations"]}
    # Without its image it predicts the training mean, which no gene of a slide correlates with.
    assert by_name["w/o image"]["pcc"] == 0.0
    (first, *_) = told["tables"]
    test = by_name["w/o image"]["tests"]["pcc"]
    assert test["n"] == 4 and test["difference"] == pytest.approx(-first["full"]["pcc"], abs=1e-9)
    stored = records(two_parts).values()
    of = {
        kind: {r["fold"]: r for r in stored if r["ablation"].startswith(kind)}
        for kind in ("Table 2", "Table S3")
    }
    for record in (r for r in stored if r["row"]["method"] == "twoparts" and r["kind"] == "method"):
        fold, chosen = record["fold"], record["settings"]
        assert of["Table 2"][fold]["settings"] == {**chosen, "image": False}
        assert of["Table S3"][fold]["settings"] == {**chosen, "penalty": 1.0}
        assert of["Table 2"][fold]["tuning"] in ({}, None) and of["Table 2"][fold]["kind"] == "ablation"


def test_every_ablation_changes_the_predictions(two_parts):
    ablate(two_parts)
    store = RunStore(two_parts)
    of_fold: dict[str, list[np.ndarray]] = {}
    for record in store.records()[0]:
        if record.row.method == "twoparts":
            of_fold.setdefault(record.fold, []).extend(store.load_predictions(record.key).values())
    assert len(of_fold) == 4
    for predictions in of_fold.values():
        assert len(predictions) == 3 and len({p.tobytes() for p in predictions}) == 3


def test_what_changes_nothing_and_what_cannot_be_had_is_said(two_parts):
    reasons = {(o["table"], o["name"]): o["reason"] for o in ablate(two_parts)["left_out"]}
    assert "changes nothing" in reasons["Table S3", "offset=0"]
    assert "huggingface.co/MahmoodLab/UNI" in reasons["Table 3", "w/ UNI"]


def test_leaderboards_and_their_tests_do_not_know_ablations(two_parts):
    ablate(two_parts, "--table", "2")
    document = stbench("leaderboard", "--out", two_parts, "--json", "--reference", "mean").document
    (table,) = document["tables"]
    assert {row["method"] for row in table["rows"] if row["kind"] != "published"} == {
        "mean",
        "twoparts",
        "ceiling",
    }
    assert {test["method"] for test in table["tests"]["pcc"]} == {"twoparts"}


def test_the_report_shows_them_beside_the_method(two_parts, tmp_path):
    ablate(two_parts)
    with figures_not_drawn():
        assert stbench("report", "--out", two_parts, "--to", tmp_path / "page").status == 0
    page = (tmp_path / "page" / "index.html").read_text()
    assert "one part changed at a time" in page and "w/o image" in page and "penalty=1" in page


def test_run_again_it_does_nothing_anew(two_parts):
    first = ablate(two_parts)
    before = {path: path.stat().st_mtime_ns for path in (two_parts / "records").rglob("*.json")}
    assert ablate(two_parts) == first
    assert {path: path.stat().st_mtime_ns for path in (two_parts / "records").rglob("*.json")} == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ridge", "--dataset", "demo-tiny"), "The card of ridge lists no ablations; those of"),
        (("spahgc", "--dataset", "demo-tiny", "--table", "9"), "Table 2"),
        (("spahgc",), "--dataset names the data set"),
    ],
)
def test_what_cannot_be_ablated_is_one_sentence(arguments, said, tmp_path, quick):
    found = stbench("ablate", *arguments, "--out", tmp_path)
    assert found.status == 2 and said in " ".join(found.err.split())
    assert not list(tmp_path.iterdir())


def test_a_key_that_the_method_has_not_is_one_sentence(two_parts, tmp_path):
    found = stbench("ablate", "mistaken", "--dataset", "demo-tiny", "--out", tmp_path)
    assert found.status == 2 and "imagee" in found.err and "image" in found.err, found.err
    assert not list(tmp_path.iterdir())


def test_every_ablation_of_spahgc_is_one_that_its_paper_prints():
    printed = {(number.table, number.setting) for number in published_ablations("spahgc")}
    listed = {(ablation.table, ablation.name) for ablation in registry.method_card("spahgc").ablations}
    assert listed == {pair for pair in printed if pair[1] != "Ours"}
