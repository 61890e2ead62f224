"""A slide's scores against the metrics computed by hand, and what they must not depend on."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from stbench.errors import DatasetError, MethodError
from stbench.evaluation.ari_references import reference_ari
from stbench.evaluation.scoring import SlideScorer, TrainingSummary, check_prediction
from stbench.metrics import METRICS, PER_GENE
from stbench.metrics.counts import pearson_residuals
from stbench.record import SlideScores, SlideTruth

N_SPOTS, N_GENES = 70, 60
ANNOTATION_FREE = {"ari", "ari_tumour"}


def _truth(**changes) -> SlideTruth:
    """Three regions with their own genes, depth that varies tenfold, and four spots too shallow to score."""
    rng = np.random.default_rng(0)
    region = np.repeat([0, 1, 2], [30, 25, 15])
    level = rng.gamma(1.0, 1.0, (3, N_GENES + 1))[region] + 0.05
    level[:, -1] = level[:, :-1].sum(axis=1)
    depth = rng.uniform(400, 4_000, N_SPOTS)
    depth[[3, 33, 44, 66]] = 20
    counts = rng.poisson(level / level.sum(axis=1, keepdims=True) * depth[:, None])
    counts[:, 7] = 0
    totals = counts.sum(axis=1)
    truth = SlideTruth(
        slide="S1",
        patient="S",
        genes=tuple(f"G{i}" for i in range(N_GENES)),
        spot_ids=tuple(f"{i}" for i in range(N_SPOTS)),
        pixel_xy=np.column_stack([np.arange(N_SPOTS) % 10, np.arange(N_SPOTS) // 10]) * 100.0,
        array_row_column=np.column_stack([np.arange(N_SPOTS) // 10, np.arange(N_SPOTS) % 10]),
        counts=counts[:, :-1],
        totals=totals,
        scored=totals >= 100,
        annotation=np.array(["tumour", "stroma", "fat"])[region],
    )
    return replace(truth, **changes)


def _log(truth: SlideTruth) -> np.ndarray:
    return np.log1p(1e6 * truth.counts / truth.totals[:, None])


def _prediction(truth: SlideTruth) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, 1, (N_SPOTS, N_GENES))
    prediction = 0.5 * _log(truth) + noise + 2
    prediction[:, 11] = 4.2
    return prediction


def _training() -> TrainingSummary:
    rng = np.random.default_rng(2)
    slide = rng.normal(3, 1, (40, N_GENES)) * rng.uniform(0.5, 2, N_GENES)
    slide[:, 12] = 1.0
    counts, totals = rng.poisson(4, (40, N_GENES)), rng.integers(500, 4_000, 40)
    return TrainingSummary.of(
        [slide[:20], slide[20:]], [counts[:20], counts[20:]], [totals[:20], totals[20:]]
    )


def _score(truth: SlideTruth, prediction: np.ndarray, **settings) -> SlideScores:
    return SlideScorer(truth, tumour_labels=("tumour",), **settings).score(prediction, _training())


def test_every_name_is_there_and_every_value_is_plain() -> None:
    truth = _truth()
    found = _score(truth, _prediction(truth))
    assert list(found.scores) == [metric.name for metric in METRICS]
    assert list(found.per_gene) == [metric.name for metric in PER_GENE]
    assert {type(value) for value in found.scores.values()} == {float}
    assert all(type(v) in (float, type(None)) for column in found.per_gene.values() for v in column)
    assert all(len(column) == N_GENES for column in found.per_gene.values())
    assert (found.slide, found.patient, found.n_spots, found.n_scored) == ("S1", "S", N_SPOTS, N_SPOTS - 4)
    json.dumps(asdict(found), allow_nan=False)


def test_equals_numpy_on_the_scored_spots() -> None:
    truth, training = _truth(), _training()
    prediction = _prediction(truth)
    found = _score(truth, prediction)
    y, p = _log(truth)[truth.scored], prediction[truth.scored]
    with np.errstate(invalid="ignore"):
        r = np.array([np.corrcoef(y[:, g], p[:, g])[0, 1] for g in range(N_GENES)])
    r[11] = 0.0  # constant in the prediction; gene 7, constant in the truth, stays NaN
    scores = found.scores
    assert np.isnan(r[7]) and np.isnan(r).sum() == scores["n_constant_truth"] == 1
    assert scores["n_constant_prediction"] == 1
    assert scores["pcc"] == pytest.approx(np.nanmean(r))
    assert scores["pcc_median"] == pytest.approx(np.nanmedian(r))
    for name, ranking in (("pcc_top50_expressed", training.mean), ("pcc_top50_variable", training.std)):
        assert scores[name] == pytest.approx(np.nanmean(r[np.argsort(ranking)[-50:]]))
    in_range = np.arange(N_GENES) != 12
    span = (training.maximum - training.minimum)[in_range]
    difference = (y - p)[:, in_range]
    assert scores["rmse"] == pytest.approx(np.sqrt(np.mean((difference / span) ** 2)))
    inner = (y - y.mean(axis=0) - p + p.mean(axis=0))[:, in_range] / span
    assert scores["rmse_centred"] == pytest.approx(np.sqrt(np.mean(inner**2)))
    assert scores["t0"] == int(np.percentile(truth.totals[truth.scored], 10))
    assert scores["rmse_log"] == pytest.approx(np.sqrt(np.mean(difference**2)))
    assert scores["mae"] == pytest.approx(np.mean(np.abs(difference)))
    assert found.per_gene["pcc"] == tuple(None if np.isnan(v) else pytest.approx(v, rel=1e-5) for v in r)
    detection = (truth.counts[truth.scored] > 0).mean(axis=0)
    np.testing.assert_allclose(np.array(found.per_gene["detection"]), detection, rtol=1e-5)


def test_columns_per_gene_agree_with_their_means() -> None:
    truth = _truth()
    found = _score(truth, _prediction(truth))
    for name in ("pcc", "pcc_given_depth"):
        defined = [value for value in found.per_gene[name] if value is not None]
        assert len(defined) == N_GENES - 1
        assert found.scores[name] == pytest.approx(np.mean(defined), abs=1e-5)
    equal_depth = [value for value in found.per_gene["pcc_equal_depth"] if value is not None]
    assert found.scores["pcc_equal_depth"] == pytest.approx(np.mean(equal_depth), abs=1e-5)
    ceilings = [value for value in found.per_gene["ceiling"] if value is not None]
    assert found.scores["ceiling"] == pytest.approx(np.mean(ceilings), abs=1e-5)
    assert found.per_gene["ceiling"][7] is None and len(ceilings) == N_GENES - 1


def test_a_perfect_prediction() -> None:
    truth = _truth()
    scores = _score(truth, _log(truth)).scores
    for name in ("pcc", "pcc_given_depth", "spearman", "pcc_spot", "r_squared", "slope", "structure"):
        assert scores[name] == pytest.approx(1.0), name
    assert max(scores["rmse"], scores["rmse_log"], scores["mae"]) < 1e-12
    assert scores["ari"] > 0.9 and scores["ari_tumour"] > 0.4
    # Even the truth does not reach 1 against a subsample of itself, nor could a prediction without its noise.
    assert 0 < scores["pcc_equal_depth"] < 1
    assert 0 < scores["ceiling_equal_depth"] < scores["ceiling"] < 1
    assert 0 < scores["ceiling_equal_depth_error"] < 0.02
    assert max(scores["rmse_centred"], scores["pcc_null"]) < 0.2


def test_a_constant_prediction() -> None:
    truth = _truth()
    prediction = np.tile(_log(truth)[truth.scored].mean(axis=0), (N_SPOTS, 1))
    scores = _score(truth, prediction).scores
    for name in ("pcc", "pcc_given_depth", "pcc_equal_depth", "spearman", "r_squared", "structure", "ari"):
        assert scores[name] == 0.0, name
    assert scores["pcc_null"] == scores["structure_null"] == 0.0
    assert scores["slope"] is None and scores["n_constant_prediction"] == N_GENES
    assert scores["pcc_spot"] > 0.5  # genes differ in level: a constant profile knows that


def test_depth_as_the_prediction_is_exposed_by_the_depth_aware_scores() -> None:
    truth = _truth()
    prediction = np.repeat(np.log1p(truth.totals)[:, None], N_GENES, axis=1)
    scores = _score(truth, prediction).scores
    assert scores["pcc"] > 0.1 and scores["pcc_null"] == pytest.approx(scores["pcc"], abs=0.03)
    assert scores["pcc_given_depth"] == scores["structure"] == scores["structure_null"] == 0.0
    assert abs(scores["pcc_equal_depth"]) < 0.07


@pytest.mark.parametrize("n_scored", [0, 1, 3, 19])
def test_fewer_than_twenty_scored_spots_score_none(n_scored: int) -> None:
    truth = _truth(scored=np.arange(N_SPOTS) < n_scored)
    found = _score(truth, _prediction(truth))
    assert set(found.scores.values()) == {None} and found.n_scored == n_scored
    assert {value for column in found.per_gene.values() for value in column} == {None}


@pytest.mark.parametrize("n_scored", [20, 21, 22, 25, 60])
def test_each_score_needs_twenty_spots_that_enter_it(n_scored: int) -> None:
    truth = _truth()
    scored = np.zeros(N_SPOTS, dtype=bool)
    scored[np.random.default_rng(0).permutation(np.flatnonzero(truth.scored))[:n_scored]] = True
    found = _score(replace(truth, scored=scored), _prediction(truth)).scores
    totals = truth.totals[scored]
    n_deep, n_twice = (totals >= found["t0"]).sum(), (totals >= 2 * found["t0"]).sum()
    assert None not in {
        found[name] for name in ("pcc", "pcc_null", "pcc_given_depth", "ceiling", "rmse", "ari")
    }
    assert (found["pcc_equal_depth"] is None) == (n_deep < 20)
    assert (found["ceiling_equal_depth"] is None) == (n_twice < 20)


def test_fewer_than_twenty_labelled_spots_have_no_rand_index() -> None:
    truth = _truth()
    for n_labelled, defined in ((19, False), (20, True)):
        labelled = np.random.default_rng(0).permutation(np.flatnonzero(truth.scored))[:n_labelled]
        names = np.where(np.isin(np.arange(N_SPOTS), labelled), truth.annotation, "")
        found = _score(replace(truth, annotation=names), _prediction(truth)).scores
        assert (found["ari"] is not None) == defined


def test_a_panel_that_the_slide_did_not_measure() -> None:
    truth = _truth(genes=(), counts=np.empty((N_SPOTS, 0), dtype=int))
    training = TrainingSummary.of([np.empty((5, 0))])
    found = SlideScorer(truth).score(np.empty((N_SPOTS, 0)), training)
    assert set(found.scores.values()) == {None}


def test_a_slide_without_any_count_of_the_panel() -> None:
    truth = _truth(counts=np.zeros((N_SPOTS, N_GENES), dtype=int))
    scores = _score(truth, _prediction(truth)).scores
    assert scores["n_constant_truth"] == N_GENES
    assert all(
        scores[name] is None for name in ("pcc", "pcc_null", "pcc_equal_depth", "ceiling", "structure")
    )
    assert scores["rmse"] is not None


def test_without_annotation_only_the_rand_indices_are_missing() -> None:
    truth = _truth()
    with_labels = _score(truth, _prediction(truth)).scores
    without = _score(replace(truth, annotation=None), _prediction(truth)).scores
    assert {name for name, value in without.items() if value is None} == ANNOTATION_FREE
    assert all(without[name] == with_labels[name] for name in without if name not in ANNOTATION_FREE)


def test_unlabelled_spots_and_absent_tumour() -> None:
    truth = _truth()
    names = np.where(truth.annotation == "fat", "undetermined", truth.annotation)
    found = SlideScorer(replace(truth, annotation=names)).score(_prediction(truth), _training()).scores
    assert found["ari"] is not None and found["ari_tumour"] is None


def test_repeats_exactly_and_depends_on_seed_slide_and_genes() -> None:
    truth = _truth()
    prediction = _prediction(truth)
    first = _score(truth, prediction).scores
    assert _score(truth, prediction).scores == first
    renamed = tuple(f"H{i}" for i in range(N_GENES))
    others = (
        _score(truth, prediction, seed=1).scores,
        _score(replace(truth, slide="S2"), prediction).scores,
        _score(replace(truth, genes=renamed), prediction).scores,
    )
    for other in others:
        assert other["pcc"] == first["pcc"]
        assert other["pcc_equal_depth"] != first["pcc_equal_depth"]
        assert other["pcc_equal_depth"] == pytest.approx(first["pcc_equal_depth"], abs=0.02)


def test_one_scorer_scores_many_predictions_alike_and_leaves_them_alone() -> None:
    truth = _truth()
    scorer, prediction = SlideScorer(truth), _prediction(truth)
    before = prediction.copy()
    first = scorer.score(prediction, _training())
    scorer.score(_log(truth), _training())
    assert scorer.score(prediction, _training()) == first
    np.testing.assert_array_equal(prediction, before)


def test_spots_that_are_not_scored_do_not_matter() -> None:
    truth = _truth()
    prediction = _prediction(truth)
    first = _score(truth, prediction).scores
    changed, counts, totals = prediction.copy(), truth.counts.copy(), truth.totals.copy()
    changed[~truth.scored], counts[~truth.scored], totals[~truth.scored] = -50.0, 0, 0
    assert _score(replace(truth, counts=counts, totals=totals), changed).scores == first


def test_the_order_of_spots_does_not_matter() -> None:
    truth = _truth()
    prediction = _prediction(truth)
    order = np.random.default_rng(3).permutation(N_SPOTS)
    rows = ("pixel_xy", "array_row_column", "counts", "totals", "scored", "annotation")
    shuffled = replace(truth, **{name: getattr(truth, name)[order] for name in rows})
    first, second = _score(truth, prediction).scores, _score(shuffled, prediction[order]).scores
    for name in ("pcc", "pcc_given_depth", "spearman", "rmse", "structure", "slope", "pcc_spot"):
        assert second[name] == pytest.approx(first[name], abs=1e-9), name
    # Profiles are exchanged among spots in the order of their depth and place, whatever the file's.
    for name in ("pcc_null", "structure_null"):
        assert second[name] == pytest.approx(first[name], abs=1e-9), name
    # These draw at random, for spots in their order.
    for name in ("pcc_equal_depth", "ceiling"):
        assert second[name] == pytest.approx(first[name], abs=0.03), name


def test_a_wrong_prediction_is_the_methods_error() -> None:
    truth = _truth()
    with pytest.raises(MethodError, match="one row per spot"):
        _score(truth, _prediction(truth)[truth.scored])
    prediction = _prediction(truth)
    prediction[3, 0] = np.nan  # not even in a spot that is not scored
    with pytest.raises(MethodError, match="1 values"):
        _score(truth, prediction)
    assert check_prediction(np.zeros((2, 1)), 2, 1).shape == (2, 1)


def test_totals_below_the_panels_counts_are_refused() -> None:
    truth = _truth()
    with pytest.raises(DatasetError, match="totals"):
        SlideScorer(replace(truth, totals=truth.totals // 4))


def test_the_training_mean_explains_no_deviance_and_old_summaries_none() -> None:
    truth, training = _truth(), _training()
    mean = np.tile(training.mean, (N_SPOTS, 1))
    assert SlideScorer(truth).score(mean, training).scores["deviance_explained"] == pytest.approx(
        0, abs=1e-12
    )
    old = TrainingSummary(training.minimum, training.maximum, training.mean, training.std)
    scores = SlideScorer(truth).score(mean, old).scores
    assert {name for name, value in scores.items() if value is None} == {
        "deviance_explained",
        "slope",
        "ari_tumour",
    }


def test_pearson_residuals_are_the_truth_of_that_target() -> None:
    truth = _truth()
    residuals = np.zeros((N_SPOTS, N_GENES))
    residuals[truth.scored] = pearson_residuals(truth.counts[truth.scored], truth.totals[truth.scored])
    training = TrainingSummary.of([residuals])
    prediction = 0.7 * residuals + np.random.default_rng(1).normal(0, 0.5, residuals.shape)
    scores = SlideScorer(truth, target="pearson").score(prediction, training).scores
    y, p = residuals[truth.scored], prediction[truth.scored]
    kept = np.arange(N_GENES) != 7
    r = [np.corrcoef(y[:, g], p[:, g])[0, 1] for g in np.flatnonzero(kept)]
    assert scores["pcc"] == pytest.approx(np.mean(r))
    span = (residuals.max(axis=0) - residuals.min(axis=0))[kept]
    assert scores["rmse"] == pytest.approx(np.sqrt(np.mean(((y - p)[:, kept] / span) ** 2)))
    assert scores["mae"] == pytest.approx(np.mean(np.abs(y - p)[:, kept]))
    assert scores["rmse_log"] is scores["deviance_explained"] is None
    # On its own scale the truth is a perfect prediction, and draws and halves correlate with it as they should.
    perfect = SlideScorer(truth, target="pearson").score(residuals, training).scores
    assert [perfect["pcc"], perfect["structure"]] == pytest.approx([1.0, 1.0])
    assert abs(perfect["pcc_null"]) < 0.2
    assert 0.5 < perfect["ceiling_equal_depth"] < perfect["ceiling"] < 1
    assert 0.5 < perfect["pcc_equal_depth"] < 1
    # Log expression is not the scale of this target: it correlates less.
    other = SlideScorer(truth, target="pearson").score(_log(truth), training).scores
    assert other["pcc"] < 0.999 and other["mae"] > 1
    measured = reference_ari(truth, target="pearson")["measured"]
    clustered = SlideScorer(truth, ("undetermined",), target="pearson").score(residuals, training).scores
    assert measured == pytest.approx(clustered["ari"], abs=0.05)


def test_reference_rows() -> None:
    truth = _truth()
    embeddings = np.random.default_rng(0).normal(size=(N_SPOTS, 6))
    rows = reference_ari(truth, embeddings=embeddings)
    assert list(rows) == ["measured", "measured, mean of 9 spots", "coordinates", "depth", "embeddings"]
    assert rows["measured"] == pytest.approx(_score(truth, _log(truth)).scores["ari"], abs=0.05)
    # Regions are stripes of rows: position tells them apart better than depth or noise do.
    assert rows["coordinates"] > 0.2
    assert abs(rows["depth"]) < 0.15 and abs(rows["embeddings"]) < 0.15
    assert "embeddings" not in reference_ari(truth)
    assert reference_ari(replace(truth, annotation=None))["measured"] is None
