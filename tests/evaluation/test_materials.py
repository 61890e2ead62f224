"""What a method may see of a slide, and what stays with the harness."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from tiny_slides import GRID, SHALLOW, make_slides, sources_of

from stbench.contract import MethodCard
from stbench.errors import CannotFit, MethodError
from stbench.evaluation.design import Design
from stbench.evaluation.fit_inputs import FitInputs, fit_inputs
from stbench.evaluation.folds import group_slides, leave_one_group_out, outer_folds
from stbench.evaluation.listening import CurveEar
from stbench.evaluation.materials import FoldMaterials, Materials
from stbench.evaluation.trials.handouts import Handout
from stbench.preprocess.gram import gram_of
from stbench.preprocess.patches import PatchSize
from stbench.slide import Slide

EDGE = 8


def card(**needs: Any) -> MethodCard:
    trains_on = needs.pop("trains_on", None)
    return MethodCard(title="T", summary="S", family="F", needs=needs, trains_on=trains_on)


SEEING = card(embeddings=True, patches=(EDGE,))
BLIND = card()


def fold_of(slides: dict[str, Slide], number: int = 0, **design: Any) -> FoldMaterials:
    design = {"genes": "highest", "n_genes": 12, "patch": PatchSize(32), **design}
    fixed = Design("tiny", **design)
    groups = group_slides({name: slide.patient for name, slide in slides.items()}, fixed.split)
    return Materials(fixed, sources_of(slides), groups).fold(leave_one_group_out(groups)[number])


@pytest.fixture
def slides(tmp_path, cache) -> dict[str, Slide]:
    return make_slides(tmp_path / "slides")


def with_counts(slide: Slide, counts: np.ndarray, **changes: Any) -> Slide:
    return replace(slide, counts=sparse.csr_matrix(counts), **changes)


def log_cpm(slide: Slide, genes: tuple[str, ...]) -> np.ndarray:
    """Scored spots only."""
    counts = slide.counts.toarray().astype(float)
    total = counts.sum(axis=1, keepdims=True)
    logged = np.log(1 + 1e6 * counts / np.maximum(total, 1))
    return logged[total.ravel() >= 100][:, [slide.genes.index(gene) for gene in genes]]


def reachable(thing: Any, path: str = "") -> list[tuple[str, Any]]:
    """Everything that can be reached from a slide's attributes, containers and array bases."""
    found = [(path, thing)]
    if is_dataclass(thing):
        inside = {f.name: getattr(thing, f.name) for f in fields(thing)}
    elif isinstance(thing, dict):
        inside = dict(thing)
    elif isinstance(thing, (list, tuple)):
        inside = dict(enumerate(thing))
    elif isinstance(thing, np.ndarray) and thing.base is not None:
        inside = {"base": thing.base}
    else:
        inside = {}
    for name, value in inside.items():
        found += reachable(value, f"{path}.{name}")
    return found


def holds_one_array(mapped: Any, array: np.ndarray) -> bool:
    """Whether a map of a file is a file of this array alone: the header that tells its type and shape, its numbers."""
    assert isinstance(mapped, mmap.mmap)
    header, numbers = mapped[: -array.nbytes], mapped[-array.nbytes :]
    return len(header) == 128 and header.startswith(b"\x93NUMPY") and numbers == array.tobytes()


def write(array: np.ndarray) -> None:
    """Write to an array that may only be read, as a method could that insists."""
    with pytest.raises(ValueError, match="read-only"):
        array[:] = 0
    array.flags.writeable = True
    array[:] = 0


def opened(handouts: Sequence[Handout]) -> list[Any]:
    return [handout.open() for handout in handouts]


def test_a_query_tells_nothing_but_image_and_positions(slides):
    fold = fold_of(slides)
    query = fold.query_slide("S1", "query-0", SEEING)
    slide = slides["S1"]
    for path, thing in reachable(query):
        plain = isinstance(thing, (str, float, int, np.ndarray, dict))
        assert thing is None or plain or path == "" or path.endswith(".base"), path
        if isinstance(thing, np.ndarray):
            assert type(thing) is np.ndarray and not thing.flags.writeable, path
            assert (thing.base is None and thing.flags.owndata) or holds_one_array(thing.base, thing), path
            assert thing.shape != slide.counts.shape
            assert not np.array_equal(thing, slide.totals)
        if isinstance(thing, str):
            assert thing in ("query-0", "ST"), path
    assert query.n_spots == GRID**2  # shallow spots too
    assert set(query.patches) == {EDGE} and query.patches[EDGE].shape == (GRID**2, EDGE, EDGE, 3)
    assert query.embeddings.shape == (GRID**2, 1280)
    for array in (query.pixel_xy, query.embeddings, query.patches[EDGE]):
        write(array)  # it is the method's own copy, even so
    assert fold.query_slide("S1", "query-0", SEEING).patches[EDGE].any()
    assert fold.query_slide("S1", "query-0", SEEING).embeddings.any() and slide.pixel_xy.any()


def test_a_training_slide_holds_its_scored_spots_on_the_methods_scale(slides):
    fold = fold_of(slides)
    scored = np.delete(np.arange(GRID**2), SHALLOW)
    for scale, expected in (
        ("log", lambda stacked, own: own),
        ("minmax", lambda stacked, own: (own - stacked.min(0)) / (stacked.max(0) - stacked.min(0))),
        ("zscore", lambda stacked, own: (own - stacked.mean(0)) / stacked.std(0)),
    ):
        inputs = fit_inputs(fold, card(trains_on=scale, embeddings=True, patches=(EDGE,)), ("S2", "S3"))
        stacked = np.concatenate([log_cpm(slides[name], fold.panel.genes) for name in ("S2", "S3")])
        for seen in opened(inputs.train):
            slide = slides[seen.id]
            own = log_cpm(slide, fold.panel.genes)
            np.testing.assert_allclose(seen.expression, expected(stacked, own), atol=1e-5)
            columns = [slide.genes.index(gene) for gene in fold.panel.genes]
            np.testing.assert_array_equal(seen.panel_counts, slide.counts.toarray()[scored][:, columns])
            np.testing.assert_array_equal(seen.totals, slide.counts.toarray().sum(axis=1)[scored])
            np.testing.assert_allclose(seen.size_factors, seen.totals / np.median(seen.totals))
            np.testing.assert_array_equal(seen.pixel_xy, slide.pixel_xy[scored])
            assert seen.expression.dtype == np.float32
            whole = fold.query_slide(seen.id, "q", SEEING)
            np.testing.assert_array_equal(seen.embeddings, whole.embeddings[scored])
            np.testing.assert_array_equal(seen.patches[EDGE], whole.patches[EDGE][scored])


def test_the_runs_scale_is_for_methods_that_name_none(slides):
    for scale, method_scale in (("minmax", "minmax"), ("zscore", "zscore"), ("none", "log")):
        fold = fold_of(slides, scale=scale)
        default, named = (
            fit_inputs(fold, c, ("S2", "S3")).train[0].open() for c in (BLIND, card(trains_on=method_scale))
        )
        np.testing.assert_array_equal(default.expression, named.expression)
        fixed = fit_inputs(fold, card(trains_on="zscore"), ("S2", "S3")).train[0].open().expression
        assert np.array_equal(fixed, default.expression) == (scale == "zscore")


def test_what_a_card_does_not_ask_for_is_not_prepared(slides):
    fold = fold_of(slides)
    (seen, *_) = opened(fit_inputs(fold, BLIND, fold.fold.train).train)
    query = fold.query_slide("S1", "query-0", BLIND)
    assert seen.embeddings is None and query.embeddings is None and not seen.patches and not query.patches


GRAMMED = card(embeddings=True, products=["gram"])


def with_narrow_embeddings(
    slides: dict[str, Slide], monkeypatch: pytest.MonkeyPatch, width: int
) -> FoldMaterials:
    """A fold whose embeddings are the first features of the encoder's."""
    whole = Materials.embeddings
    monkeypatch.setattr(Materials, "embeddings", lambda self, name: whole(self, name)[:, :width])
    return fold_of(slides)


def test_a_training_slide_has_the_gram_matrix_of_its_scored_spots_alone(slides, monkeypatch):
    fold = with_narrow_embeddings(slides, monkeypatch, 20)
    for name in fold.fold.train:
        handout = fold.training_handout(name, GRAMMED, fold.scaling(fold.fold.train, GRAMMED))
        assert handout.gram is not None
        mine = fold.materials.embeddings(name)[fold.materials.scored(name)]
        np.testing.assert_array_equal(handout.gram.open(), gram_of(mine))


def test_a_query_brings_no_gram_matrix(slides, monkeypatch):
    fold = with_narrow_embeddings(slides, monkeypatch, 20)
    assert fold.query_handout("S1", "query-0", GRAMMED).gram is None
    assert not hasattr(fold.query_slide("S1", "query-0", GRAMMED), "gram")


def test_no_gram_matrix_is_made_that_no_fit_could_use(slides, cache):
    fold = fold_of(slides)  # fewer spots than features
    handout = fold.training_handout("S2", GRAMMED, fold.scaling(("S2",), GRAMMED))
    assert handout.gram is None and not (cache / "products").exists()


def test_a_gram_matrix_follows_the_spots_that_count(slides, monkeypatch):
    fold = with_narrow_embeddings(slides, monkeypatch, 20)
    materials = fold.materials
    before = materials.gram("S2")
    counts = slides["S2"].counts.toarray()
    counts[:10] = 0
    materials.replace("S2", with_counts(slides["S2"], counts))
    after = materials.gram("S2")
    assert before is not None and after is not None
    assert before[0] - after[0] == 10 - len(set(SHALLOW) & set(range(10)))


def test_the_group_of_a_training_slide_is_what_the_split_keeps_together(slides):
    by_slide = opened(fit_inputs(fold_of(slides), BLIND, ("S2", "S3", "S4")).train)
    assert [(s.id, s.group) for s in by_slide] == [("S2", "S2"), ("S3", "S3"), ("S4", "S4")]
    fold = fold_of(slides, number=1, split="patient")
    by_patient = opened(fit_inputs(fold, BLIND, ("S1", "S2", "S4")).train)
    assert [(s.id, s.group) for s in by_patient] == [("S1", "A"), ("S2", "A"), ("S4", "C")]


def test_the_test_slides_expression_reaches_no_training_slide(slides):
    changed = {**slides, "S1": with_counts(slides["S1"], slides["S1"].counts.toarray()[::-1] * 3 + 1)}
    for genes in ("highest", "train-hvg", "svg"):
        one, other = (
            fit_inputs(fold_of(s, genes=genes), BLIND, ("S2", "S3", "S4")) for s in (slides, changed)
        )
        for seen, again in zip(opened(one.train), opened(other.train), strict=True):
            np.testing.assert_array_equal(seen.expression, again.expression)
            np.testing.assert_array_equal(seen.panel_counts, again.panel_counts)


def inputs_with_validation(slides: dict[str, Slide], **design: Any) -> tuple[FoldMaterials, FitInputs]:
    fold = fold_of(slides, **design)
    return fold, fit_inputs(fold, card(trains_on="minmax"), ("S3", "S4"), ("S2",))


def curve_ear(fold: FoldMaterials, inputs: FitInputs) -> CurveEar:
    slides = {name: fold.validation_slide(name) for name in inputs.judged}
    return CurveEar(slides, inputs.scaling, np.full(12, 1e-12), 1, "a fit", None)


def test_inner_scaling_is_fitted_on_the_inner_training_slides_alone(slides):
    _, inputs = inputs_with_validation(slides)
    louder = {**slides, "S2": with_counts(slides["S2"], slides["S2"].counts.toarray() * np.arange(30))}
    fold, again = inputs_with_validation(louder, genes="highest", n_genes=30)
    stacked = np.concatenate([log_cpm(slides[name], fold.panel.genes) for name in ("S3", "S4")])
    np.testing.assert_allclose(again.scaling.origin, stacked.min(axis=0))
    np.testing.assert_allclose(again.scaling.unit, stacked.max(axis=0) - stacked.min(axis=0))
    assert inputs.scaling.unit.shape == (12,)


def test_validation_slides_are_queries_scored_on_their_scored_spots_on_the_log_scale(slides):
    fold, inputs = inputs_with_validation(slides)
    (query,) = opened(inputs.queries)
    assert (query.id, query.n_spots) == ("query-0", GRID**2)
    prediction = np.random.default_rng(0).uniform(0, 1, (GRID**2, 12))
    truth = log_cpm(slides["S2"], fold.panel.genes)
    kept = np.delete(prediction, SHALLOW, axis=0)
    expected = np.mean([np.corrcoef(truth[:, g], kept[:, g])[0, 1] for g in range(12)])
    ear = curve_ear(fold, inputs)
    for checkpoint, shallow in ((1, prediction[list(SHALLOW)]), (2, 77.0)):
        prediction[list(SHALLOW)] = shallow
        ear.hand_over(checkpoint, [prediction])
    ((found,),) = (point.values() for point in ear.points())
    assert found["pcc"] == pytest.approx((expected, expected))
    assert found["pcc_given_depth"][0] == found["pcc_given_depth"][1] != found["pcc"][0]
    with pytest.raises(MethodError, match="2 predictions were handed over for 1 queries"):
        ear.hand_over(3, [prediction, prediction])
    with pytest.raises(MethodError, match="Checkpoint 2 was handed over after 2"):
        ear.hand_over(2, [prediction])
    prediction[0, 0] = np.nan
    with pytest.raises(MethodError, match="finite"):
        ear.hand_over(3, [prediction])
    with pytest.raises(MethodError, match="shape"):
        ear.hand_over(4, [prediction[:-1]])


def emptied(slide: Slide, n_left: int) -> Slide:
    """The slide with that many spots of enough counts."""
    counts = slide.counts.toarray()
    deep = np.flatnonzero(counts.sum(axis=1) >= 100)
    counts[deep[n_left:]] = 0
    return with_counts(slide, counts)


def test_slides_without_a_scored_spot_neither_train_nor_judge(slides):
    fold = fold_of({**slides, "S2": emptied(slides["S2"], 0), "S3": emptied(slides["S3"], 2)})
    inputs = fit_inputs(fold, BLIND, ("S2", "S4"), ("S2", "S3", "S4"))
    assert [slide.id for slide in opened(inputs.train)] == ["S4"]
    assert [query.id for query in opened(inputs.queries)] == ["query-0"]
    assert inputs.judged == ("S4",)
    own = np.zeros((GRID**2, 12))
    own[slides["S4"].totals >= 100] = inputs.scaling.apply(fold.expression("S4"))
    ear = curve_ear(fold, inputs)
    ear.hand_over(0, [own])
    assert ear.points()[0]["S4"]["pcc"] == pytest.approx((1,))
    with pytest.raises(CannotFit, match="None of the training slides S2"):
        fit_inputs(fold, BLIND, ("S2",))
    assert fit_inputs(fold, BLIND, ("S4",), ("S2", "S3")).judged == ()


def test_a_method_that_needs_more_slides_cannot_be_fitted(slides):
    with pytest.raises(CannotFit, match="needs at least 3 training slides, found 2"):
        fit_inputs(fold_of(slides), card(min_train_slides=3), ("S2", "S3"))


def test_the_truth_leaves_out_what_is_not_measured_and_keeps_all_spots(slides, tmp_path):
    fold = fold_of(slides)
    absent = fold.panel.genes[4]
    place = slides["S1"].genes.index(absent)
    poorer = with_counts(
        slides["S1"], np.delete(slides["S1"].counts.toarray(), place, axis=1),
        genes=tuple(g for g in slides["S1"].genes if g != absent),
    )  # fmt: skip
    truth, covered = fold_of({**slides, "S1": poorer}).truth("S1")
    assert covered.tolist() == [gene != absent for gene in fold.panel.genes]
    assert truth.genes == tuple(gene for gene in fold.panel.genes if gene != absent)
    assert truth.counts.shape == (GRID**2, 11)
    assert np.flatnonzero(~truth.scored).tolist() == list(SHALLOW)
    (tmp_path / "genes.txt").write_text("\n".join(fold.panel.genes))
    of_file = fold_of({**slides, "S1": poorer}, genes=f"file:{tmp_path}/genes.txt")
    truth, covered = of_file.truth("S1")
    assert covered.tolist() == [gene != absent for gene in of_file.panel.genes] and absent not in truth.genes


def test_the_size_matched_split_has_the_panel_of_the_patient_split(slides):
    patients = {name: slide.patient for name, slide in slides.items()}

    def panels(split: str) -> dict[str, tuple[str, ...]]:
        fixed = Design("tiny", split=split, genes="train-hvg", n_genes=12)
        materials = Materials(fixed, sources_of(slides), group_slides(patients, split))
        return {
            slide: materials.fold(fold).panel.genes
            for fold in outer_folds(patients, split)
            for slide in fold.test
        }

    assert panels("slide-matched") == panels("patient") != panels("slide")


def test_shared_arrays_cannot_be_changed_by_a_method(slides):
    fold = fold_of(slides)
    handout = fit_inputs(fold, SEEING, ("S2", "S3")).train[0]
    seen: Any = handout.open()
    arrays = (seen.expression, seen.panel_counts, seen.totals, seen.pixel_xy, seen.array_row_column)
    for array in (*arrays, seen.size_factors, seen.embeddings, seen.patches[EDGE]):
        write(array)
    again: Any = fit_inputs(fold, SEEING, ("S2", "S3")).train[0].open()
    assert again.embeddings.any() and again.patches[EDGE].any()
    assert again.expression.any() and again.panel_counts.any() and again.totals.any() and again.pixel_xy.any()
    with pytest.raises(ValueError, match="read-only"):
        fold.expression("S2")[:] = 0


def test_slides_are_read_once_and_bad_ones_show_before_any_fit(slides):
    n_read = []
    sources = [
        source._replace(read=lambda source=source: n_read.append(source.id) or source.read())
        for source in sources_of(slides)
    ]
    groups = group_slides({s.id: s.patient for s in sources}, "slide")
    materials = Materials(Design("tiny", genes="highest", patch=PatchSize(32)), sources, groups)
    materials.prepare([SEEING, BLIND])
    for fold in leave_one_group_out(groups):
        fit_inputs(materials.fold(fold), BLIND, fold.train)
    assert sorted(n_read) == ["S1", "S2", "S3", "S4"]
