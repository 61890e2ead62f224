"""One job to its Records, with small real methods on small slides."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation.tiny_methods import METHODS, Epochs, Plane, Spy, card
from scipy import sparse
from tiny_slides import GRID, SHALLOW, make_slides, sources_of

from stbench.contract import MethodCard
from stbench.errors import UnknownName, UsageError
from stbench.evaluation.contestant import Contestant
from stbench.evaluation.design import Design
from stbench.evaluation.materials import Materials
from stbench.evaluation.plan import Job, make_plan
from stbench.evaluation.runner import Runner, failed_record
from stbench.evaluation.trials.benches import InProcessBench
from stbench.evaluation.trials.conduct import build
from stbench.evaluation.trials.plugins import PluginPlace
from stbench.record import Record
from stbench.slide import Slide

Slides = dict[str, Slide]


@pytest.fixture
def slides(tmp_path, cache) -> Slides:
    return make_slides(tmp_path / "slides")


@pytest.fixture
def spied() -> Iterator[list]:
    Spy.calls.clear()
    yield Spy.calls
    Spy.calls.clear()


def jobs_of(
    slides: Slides, name: str, card_: MethodCard | None = None, seeds=(0,), settings=None, **design: Any
) -> tuple[Runner, list[Job]]:
    fixed = Design("tiny", **{"genes": "highest", "n_genes": 12, **design})
    sources = sources_of(slides)
    place = PluginPlace(name, "", Path())
    contestant = Contestant(name, card_ or card(), "source", "", settings or {}, {}, place=place)
    plan = make_plan(fixed, "reader", sources, [contestant], seeds)
    bench = InProcessBench(METHODS.__getitem__)
    runner = Runner(Materials(fixed, sources), bench, {"stbench": "test"})
    return runner, list(plan.jobs)


def run(
    slides: Slides, name: str, card_: MethodCard | None = None, fold: int = 0, **more: Any
) -> list[Record]:
    runner, jobs = jobs_of(slides, name, card_, **more)
    return list(runner.run(jobs[fold]))


def with_counts(slide: Slide, change: Callable[[np.ndarray], np.ndarray], **changes: Any) -> Slide:
    return replace(slide, counts=sparse.csr_matrix(change(slide.counts.toarray())), **changes)


def log_cpm(slide: Slide, genes: tuple[str, ...]) -> np.ndarray:
    counts = slide.counts.toarray().astype(float)
    logged = np.log(1 + 1e6 * counts / counts.sum(axis=1, keepdims=True))
    return logged[:, [slide.genes.index(gene) for gene in genes]]


def test_a_record_is_the_fit_on_all_other_slides_scored_by_hand(slides):
    (record,) = run(slides, "plane", inner="none")
    assert record.finished and record.panel_genes
    scored = slides["S1"].totals >= 100
    design = {n: np.column_stack([np.ones(GRID**2), s.array_row_column]) for n, s in slides.items()}
    kept = {name: slide.totals >= 100 for name, slide in slides.items()}
    train = np.concatenate([design[n][kept[n]] for n in ("S2", "S3", "S4")])
    genes = np.concatenate([log_cpm(slides[n], record.panel_genes)[kept[n]] for n in ("S2", "S3", "S4")])
    expected = design["S1"] @ np.linalg.lstsq(train, genes)[0]
    np.testing.assert_allclose(record.predictions["S1"], expected, atol=1e-3)
    truth = log_cpm(slides["S1"], record.panel_genes)[scored]
    by_hand = [np.corrcoef(truth[:, g], expected[scored, g])[0, 1] for g in range(12)]
    (scores,) = record.slides
    assert scores.scores["pcc"] == pytest.approx(np.mean(by_hand), abs=1e-4)
    np.testing.assert_allclose(scores.per_gene["pcc"], by_hand, atol=1e-3)
    assert (scores.n_spots, scores.n_scored, scores.genes) == (GRID**2, GRID**2 - 2, record.panel_genes)
    assert (record.train_slides, record.test_slides, record.fold) == (("S2", "S3", "S4"), ("S1",), "S1")


def test_a_pair_trains_on_what_is_outside_both_blocks_and_predicts_both(slides, spied):
    run(slides, "spy", fold=-1)  # tests on S4
    found = [({slide.id for slide in train}, len(queries)) for train, queries, _ in spied]
    assert found == [({"S2", "S3"}, 2), ({"S1", "S3"}, 2), ({"S1", "S2"}, 2), ({"S1", "S2", "S3"}, 0)]
    assert all(slide.group == slide.id for train, _, _ in spied for slide in train)


@pytest.mark.parametrize("split", ["slide", "patient"])
def test_fits_see_training_slides_only_and_the_inner_loop_inner_ones(slides, spied, split):
    run(slides, "spy", split=split, fold=-1, inner="all")  # tests on S4, patient C
    pairs = [({slide.id for slide in train}, len(queries)) for train, queries, _ in spied]
    by_slide = [({"S2", "S3"}, 1), ({"S1", "S3"}, 1), ({"S1", "S2"}, 1)]
    by_patient = [({"S3"}, 2), ({"S1", "S2"}, 1)]
    assert pairs == [*(by_slide if split == "slide" else by_patient), ({"S1", "S2", "S3"}, 0)]
    groups = {slide.id: slide.group for train, _, _ in spied for slide in train}
    assert groups == (
        {"S1": "S1", "S2": "S2", "S3": "S3"} if split == "slide" else {"S1": "A", "S2": "A", "S3": "B"}
    )
    assert all(slide.n_spots == GRID**2 - len(SHALLOW) for train, _, _ in spied for slide in train)
    assert all(slide.n_spots == GRID**2 for _, queries, _ in spied for slide in queries)


def test_every_fit_is_scaled_by_its_own_training_slides(slides, spied):
    run(slides, "spy")
    for train, _, _ in spied:
        stacked = np.concatenate([slide.expression for slide in train])
        np.testing.assert_allclose(
            (stacked.min(axis=0), stacked.max(axis=0)), ([0.0] * 12, [1.0] * 12), atol=1e-6
        )


@pytest.mark.parametrize("name", ["plane", "epochs"])
def test_predictions_do_not_change_with_the_test_slides_counts(slides, name):
    noisy = {**slides, "S1": with_counts(slides["S1"], lambda c: c[::-1, ::-1] + 5)}
    for design in ({}, {"genes": "train-hvg"}, {"split": "patient"}):
        (one,), (other,) = run(slides, name, **design), run(noisy, name, **design)
        assert one.panel_genes == other.panel_genes and one.tuning == other.tuning and one.key != other.key
        np.testing.assert_array_equal(one.predictions["S1"], other.predictions["S1"])


def test_scores_do_not_depend_on_the_scale_that_a_method_trains_on(slides):
    records = [
        run(slides, "plane", card(trains_on=scale), inner="none")[0] for scale in ("log", "minmax", "zscore")
    ]
    records += [run(slides, "plane", inner="none", scale=scale)[0] for scale in ("minmax", "zscore", "none")]
    for record in records[1:]:
        np.testing.assert_allclose(record.predictions["S1"], records[0].predictions["S1"], atol=1e-4)
        for metric, value in records[0].slides[0].scores.items():
            assert record.slides[0].scores[metric] == pytest.approx(value, abs=1e-4), metric


def test_shallow_spots_are_predicted_and_not_scored(slides):
    (quiet,), (loud,) = run(slides, "plane", inner="none"), run(slides, "shouting", inner="none")
    assert quiet.slides[0].scores == loud.slides[0].scores
    assert (loud.predictions["S1"][list(SHALLOW)] > 100).all()
    assert (~loud.truths["S1"].scored).nonzero()[0].tolist() == list(SHALLOW)


def test_the_inner_loop_chooses_setting_and_epoch_and_the_refit_follows(slides):
    tuned = card(grid=[{}, {"loudness": 0.2}, {"loudness": 5.0}])
    (record,) = run(slides, "epochs", tuned)
    assert record.tuning["settings"] == {"loudness": 0.2} and record.tuning["epochs"] == 4
    assert record.settings == {"epochs": 4, "best": 4, "loudness": 0.2}
    assert record.cost["epochs"] == 4 and not record.tuning["at_cap"]
    assert [len(curve["curve"]) for curve in record.tuning["curves"]] == [6, 6, 6]
    assert record.notes == ("a note",) and record.pretrained == "nothing"
    assert record.cost["tuning_seconds"] and record.cost["fit_seconds"]


def test_a_bound_on_epochs_holds_and_an_epoch_at_the_cap_is_told(slides):
    (record,) = run(slides, "epochs", epochs=3)
    assert record.settings["epochs"] == 3 and record.tuning["at_cap"]
    assert "inner loop chose the last epoch it was allowed" in record.notes
    (untuned,) = run(slides, "epochs", epochs=3, inner="none")
    assert untuned.settings["epochs"] == 3 and untuned.tuning == {}
    assert any("published settings" in note for note in untuned.notes)


def test_several_seeds_share_one_tuning_and_repeat(slides):
    one, two = run(slides, "epochs", seeds=(7, 8))
    assert (one.seed, two.seed) == (7, 8) and one.tuning == two.tuning and one.key != two.key
    assert not np.array_equal(one.predictions["S1"], two.predictions["S1"])
    (again, _) = run(slides, "epochs", seeds=(7, 8))
    np.testing.assert_array_equal(again.predictions["S1"], one.predictions["S1"])


def test_tuning_always_uses_seed_0(slides, spied):
    runner, (job, *_) = jobs_of(slides, "spy", card(grid=[{}, {"shift": 1.0}]), seeds=(3, 1))
    list(runner.run(job))
    assert [context.seed for _, _, context in spied] == [0] * (3 * 2) + [3, 1]


def test_settings_that_matter_at_prediction_only_are_judged_on_one_fit(slides, spied):
    grid = [{}, {"blur": 0.5}, {"blur": 2.0}]
    (shared,) = run(slides, "spy", card(grid=grid, at_prediction=["blur"]))
    assert len(spied) == 3 + 1
    spied.clear()
    (apart,) = run(slides, "spy", card(grid=grid))
    assert len(spied) == 3 * 3 + 1
    curves = [[c["curve"] for c in record.tuning["curves"]] for record in (shared, apart)]
    assert curves[0] == curves[1] and len({tuple(curve) for curve in curves[0]}) == 3
    assert shared.tuning["settings"] == apart.tuning["settings"]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("fit", "RuntimeError: two lines"),
        ("method", "its own words"),
        ("nan", "1 values that are NaN"),
        ("shape", r"has shape \(35, 12\)"),
        ("words", "must hold real numbers"),
    ],
)
def test_a_failure_is_a_record_with_its_reason(slides, how, words):
    for inner in ("pairs", "all", "none"):
        (record,) = run(slides, "failing", settings={"how": how}, inner=inner)
        assert not record.finished and not record.slides and not record.predictions
        assert record.failure and re.search(words, record.failure) and "\n" not in record.failure
        assert record.provenance["finished_at"] and record.test_slides == ("S1",)


def test_one_seeds_failure_stops_no_other(slides):
    failed, fine = run(slides, "failing", settings={"every_seed": False}, seeds=(0, 1), inner="none")
    assert not failed.finished and fine.finished


def test_an_interrupt_is_nobodys_result(slides):
    for inner in ("pairs", "all", "none"):
        with pytest.raises(KeyboardInterrupt):
            run(slides, "failing", settings={"how": "interrupt"}, inner=inner)


def test_a_methods_own_usage_error_is_its_failure(slides):
    """Unusable input stops a run; a method that says so in the middle of its fit only fails."""
    for inner in ("pairs", "all", "none"):
        (record,) = run(slides, "failing", settings={"how": "usage"}, inner=inner)
        assert not record.finished and record.failure


def test_an_unknown_setting_is_nobodys_result(slides):
    with pytest.raises(UsageError, match="no setting"):
        run(slides, "failing", settings={"hov": "usage"}, inner="none")


def test_a_failed_record_says_what_is_known_of_its_panel(slides, tmp_path):
    (tmp_path / "genes.txt").write_text("G01\nG02\n")
    for genes, leaky, note in (
        ("hvg-intersection", True, "leaky: chosen with the test slides' expression"),
        (f"file:{tmp_path}/genes.txt", False, "origin outside the fold"),
        ("highest", False, ""),
    ):
        failed, fine = (run(slides, name, genes=genes, inner="none")[0] for name in ("failing", "plane"))
        assert (failed.leaky, failed.panel_note) == (fine.leaky, fine.panel_note) == (leaky, note)
        _, (job, *_) = jobs_of(slides, "plane", genes=genes)
        assert failed_record(job, 0, "the worker died", {}).leaky == leaky


def test_a_method_that_cannot_be_fitted_is_a_row_with_its_reason(slides):
    (record,) = run(slides, "plane", card(needs={"min_train_slides": 4}))
    assert record.failure == "needs at least 4 training slides, found 3"


def test_patients_are_tested_together(slides):
    (record,) = run(slides, "plane", split="patient", inner="none")
    assert record.test_slides == ("S1", "S2") and record.fold == "A"
    assert set(record.predictions) == {"S1", "S2"} and [s.slide for s in record.slides] == ["S1", "S2"]
    assert record.cost["n_spots_predicted"] == 2 * GRID**2


def _left(n: int) -> Callable[[np.ndarray], np.ndarray]:
    """Counts of which only `n` deep spots are left."""

    def change(counts: np.ndarray) -> np.ndarray:
        counts[np.flatnonzero(counts.sum(axis=1) >= 100)[n:]] = 0
        return counts

    return change


def test_a_test_slide_with_hardly_a_spot_scores_null_and_is_predicted(slides):
    for n in (0, 1, 2):
        (record,) = run({**slides, "S1": with_counts(slides["S1"], _left(n))}, "plane")
        (scores,) = record.slides
        assert record.finished and scores.n_scored == n and set(scores.scores.values()) == {None}
        assert record.predictions["S1"].shape == (GRID**2, 12)


def test_a_training_slide_with_hardly_a_spot_is_no_obstacle(slides):
    for n in (0, 2):
        for genes in ("highest", "train-hvg", "svg"):
            poor = {**slides, "S2": with_counts(slides["S2"], _left(n))}
            (record,) = run(poor, "plane", genes=genes)
            assert record.finished and record.slides[0].scores["pcc"] is not None, record.failure
            assert "1 inner folds left out: nothing can be scored on their slides" in record.notes


def test_where_nothing_can_be_judged_the_published_settings_are_used_and_the_row_says_so(slides):
    poor = {name: slide if name == "S1" else with_counts(slide, _left(2)) for name, slide in slides.items()}
    (record,) = run(poor, "plane")
    assert record.finished and record.tuning == {}
    assert "published settings: in the inner loop nothing could be judged" in record.notes


def test_a_setting_whose_trial_failed_is_out_and_the_row_says_so(slides):
    (record,) = run(slides, "failing", card(grid=[{}, {"how": "nothing"}]))
    assert record.finished and record.tuning["settings"] == {"how": "nothing"}
    assert "inner loop without the defaults: RuntimeError: two lines" in record.notes


def test_genes_that_the_test_slide_does_not_measure_are_left_out_and_counted(slides):
    whole = run(slides, "plane", inner="none")[0]
    gene = whole.panel_genes[2]
    place = slides["S1"].genes.index(gene)
    poorer = with_counts(
        slides["S1"],
        lambda c: np.delete(c, place, axis=1),
        genes=tuple(g for g in slides["S1"].genes if g != gene),
    )
    (record,) = run({**slides, "S1": poorer}, "plane", inner="none")
    assert gene in record.panel_genes and gene not in record.slides[0].genes
    assert record.predictions["S1"].shape == (GRID**2, 12) and len(record.slides[0].genes) == 11
    assert "1 panel genes are not measured on S1 and left out" in record.notes


def test_a_record_goes_through_json_and_back(slides):
    (record,) = run(slides, "epochs", card(grid=[{}, {"loudness": 0.5}]))
    plain = json.loads(json.dumps(record.to_plain(), allow_nan=False))
    back = Record.from_plain(plain)
    assert back.slides == record.slides and back.row == record.row and back.table == record.table
    assert back.to_plain() | {"tuning": 0} == record.to_plain() | {"tuning": 0}


def test_progress_says_what_is_being_fitted(slides):
    heard: list[tuple] = []
    runner, (job, *_) = jobs_of(slides, "epochs")
    runner.progress = lambda *what: heard.append(what)
    list(runner.run(job))
    assert len(heard) == 3 * 6 + 4
    assert heard[0][:3] == ("epochs · without S1+S2", 1, 6) and heard[0][3] is not None
    assert heard[-1] == ("epochs · fold S1", 4, 4, None)


def test_a_bound_lowers_a_methods_own_epochs_and_raises_none():
    assert build(Epochs, {}, 3).settings()["epochs"] == 3
    assert build(Epochs, {}, 30).settings()["epochs"] == 6
    assert build(Epochs, {"epochs": 2, "best": 1}, 3).settings() == {"epochs": 2, "best": 1, "loudness": 1.0}
    assert build(Plane, {"shift": 2.0}, 3).settings() == {"shift": 2.0}
    with pytest.raises(UnknownName, match="Did you mean shift"):
        build(Plane, {"shfit": 2.0}, None)


def test_odd_slide_names_run(slides, tmp_path):
    names = dict(zip(slides, ("file", "a b", "x/y", "ü"), strict=True))
    odd = {names[name]: replace(slide, id=names[name]) for name, slide in slides.items()}
    (record,) = run(odd, "plane")
    assert record.test_slides == ("file",) and set(record.predictions) == {"file"}
    assert Path(slides["S1"].image).is_file()


def test_stored_predictions_and_training_summary_give_the_same_scores_again(tmp_path, quick):
    """Whoever has the store and nothing else arrives at the same numbers, to the last bit."""
    from stbench.commands import run as benchmark
    from stbench.evaluation.scoring import SlideScorer
    from stbench.metrics.training import TrainingSummary
    from stbench.reporting.results.store import RunStore

    benchmark.run(["ridge"], "demo-tiny", out=tmp_path, inner="none", genes="highest", n_genes=12)
    store = RunStore(tmp_path)
    records = [record for record in store.records()[0] if record.row.method == "ridge"]
    assert records
    for record in records:
        predictions, truths = store.load_predictions(record.key), store.load_truths(record)
        training = TrainingSummary(**store.load_training(record.key))
        for slide in record.slides:
            truth = truths[slide.slide]
            covered = np.isin(record.panel_genes, truth.genes)
            scorer = SlideScorer(truth, record.unlabelled, record.tumour_labels)
            again = scorer.score(predictions[slide.slide][:, covered], training.covering(covered))
            assert again.scores == slide.scores and again.per_gene == slide.per_gene
            assert truth.thumbnail is not None and 0 < truth.thumbnail_scale <= 1
