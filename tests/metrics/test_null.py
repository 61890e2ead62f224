"""The exchange of profiles within depth windows against a loop on its own, and by what it must keep and lose."""

from __future__ import annotations

import numpy as np
import pytest

from stbench.metrics.correlation import mean_pcc, unit_prediction
from stbench.metrics.counts import draw_constant, log_expression
from stbench.metrics.depth import DepthSpline
from stbench.metrics.null import ExchangedTruth, cycles, cycles_by_gene, depth_windows
from stbench.metrics.structure import GeneStructure

N_SPOTS, N_GENES = 60, 15
CONSTANT_BELOW = np.full(N_GENES, 1e-9)
PLACES = np.column_stack([np.arange(N_SPOTS) // 10, np.arange(N_SPOTS) % 10])


def _slide() -> tuple[np.ndarray, np.ndarray]:
    """Counts with rest whose composition differs between spots, and a prediction that knows genes and depth."""
    rng = np.random.default_rng(0)
    composition = rng.dirichlet(np.full(N_GENES + 1, 2.0), N_SPOTS)
    counts = rng.multinomial(rng.integers(150, 4_000, N_SPOTS), composition)
    return counts, np.log1p(counts[:, :-1]) + rng.normal(size=(N_SPOTS, N_GENES))


def _log(counts: np.ndarray) -> np.ndarray:
    return np.log1p(1e6 * counts[:, :-1] / counts.sum(axis=1, keepdims=True))


def test_windows_follow_total_then_row_then_column() -> None:
    totals = np.array([300, 100, 200, 200, 200])
    places = np.array([[0, 0], [9, 9], [2, 1], [1, 7], [1, 4]])
    (window,) = depth_windows(totals, places)
    assert window.tolist() == [1, 4, 3, 2, 0]


@pytest.mark.parametrize(
    ("n_spots", "sizes"), [(20, [10, 10]), (24, [12, 12]), (26, [9, 9, 8]), (7, [7]), (281, [11] + [10] * 27)]
)
def test_windows_hold_about_ten_spots(n_spots: int, sizes: list[int]) -> None:
    totals = np.random.default_rng(0).permutation(n_spots)
    windows = depth_windows(totals, np.zeros((n_spots, 2)))
    assert [len(window) for window in windows] == sizes
    assert (np.diff(totals[np.concatenate(windows)]) > 0).all()


def test_no_spot_keeps_its_profile_and_every_profile_goes_round_its_window() -> None:
    windows = depth_windows(np.arange(57), np.zeros((57, 2)))
    rng = np.random.default_rng(0)
    for _ in range(50):
        giver = cycles(windows, rng)
        assert (giver != np.arange(57)).all()
        for window in windows:
            spot, seen = window[0], []
            for _ in window:
                spot = giver[spot]
                seen.append(spot)
            # One single cycle: after as many steps as there are spots, each was met once.
            assert sorted(seen) == sorted(window)


def test_each_gene_has_a_cycle_of_its_own_within_the_windows() -> None:
    totals = np.arange(30)
    windows = depth_windows(totals, np.zeros((30, 2)))
    giver = cycles_by_gene(windows, 7, np.random.default_rng(0))
    for gene in giver.T:
        for window in windows:
            assert sorted(gene[window]) == sorted(window) and not (gene[window] == window).any()
    assert len({tuple(gene) for gene in giver.T}) == 7


def test_structure_that_depth_does_not_explain_is_lost() -> None:
    """Exchanged whole, profiles would keep all of it: two genes that rise together go on doing so."""
    counts, _ = _slide()
    truth, totals = _log(counts), counts.sum(axis=1)
    residuals = DepthSpline(totals).unit_prediction(truth, CONSTANT_BELOW)
    null = ExchangedTruth(truth, totals, PLACES, np.random.default_rng(0))
    assert abs(null.structure(residuals)) < 0.15 < GeneStructure(residuals).score(residuals.T @ residuals)


def test_every_other_spot_of_the_window_is_as_likely() -> None:
    windows = depth_windows(np.arange(10), np.zeros((10, 2)))
    rng = np.random.default_rng(0)
    taken = np.bincount([cycles(windows, rng)[3] for _ in range(9_000)], minlength=10)
    assert taken[3] == 0
    np.testing.assert_allclose(np.delete(taken, 3), 1_000, atol=130)


def test_equals_scoring_every_exchange_on_its_own() -> None:
    counts, prediction = _slide()
    truth, totals = _log(counts), counts.sum(axis=1)
    null = ExchangedTruth(truth, totals, PLACES, np.random.default_rng(1), n_exchanges=3)
    rng, windows = np.random.default_rng(1), depth_windows(totals, PLACES)
    exchanged = [truth[cycles(windows, rng)] for _ in range(3)]
    by_gene = [np.take_along_axis(truth, cycles_by_gene(windows, N_GENES, rng), axis=0) for _ in range(3)]
    plain = [np.diag(np.corrcoef(e.T, prediction.T)[:N_GENES, N_GENES:]).mean() for e in exchanged]
    assert null.pcc(unit_prediction(prediction, CONSTANT_BELOW)) == pytest.approx(np.mean(plain))
    spline = DepthSpline(totals)
    pairs = np.triu_indices(N_GENES, k=1)
    predicted = np.corrcoef(spline.residuals(prediction).T)[pairs]
    # Residualised after the exchange, on the depth of the spots that the profiles came to.
    structure = [np.corrcoef(np.corrcoef(spline.residuals(e).T)[pairs], predicted)[0, 1] for e in by_gene]
    residuals = spline.unit_prediction(prediction, CONSTANT_BELOW)
    assert null.structure(residuals) == pytest.approx(np.mean(structure))


def test_the_order_of_the_files_rows_does_not_matter() -> None:
    counts, prediction = _slide()
    truth, totals, order = _log(counts), counts.sum(axis=1), np.random.default_rng(5).permutation(N_SPOTS)
    totals[:30] = 500  # ties are broken by place
    unit = unit_prediction(prediction, CONSTANT_BELOW)
    first = ExchangedTruth(truth, totals, PLACES, np.random.default_rng(1)).pcc(unit)
    second = ExchangedTruth(truth[order], totals[order], PLACES[order], np.random.default_rng(1))
    assert second.pcc(unit[order]) == pytest.approx(first)


def test_without_signal_the_null_is_the_score_itself_where_a_redraw_is_as_well() -> None:
    """One composition for all spots: nothing but depth can be known, so that score and null agree."""
    counts, _ = _slide()
    rng = np.random.default_rng(2)
    totals = np.repeat(np.geomspace(150, 6_000, 40), 30).astype(np.int64)
    drawn = draw_constant(counts, totals, rng)
    truth, places = _log(drawn), np.zeros((len(totals), 2))
    prediction = np.repeat(np.log(totals)[:, None], N_GENES, axis=1)
    score = mean_pcc(truth, prediction, CONSTANT_BELOW)
    null = ExchangedTruth(truth, totals, places, rng).pcc(unit_prediction(prediction, CONSTANT_BELOW))
    assert score > 0.05 and null == pytest.approx(score, abs=0.005)


def test_signal_that_depth_does_not_explain_is_lost() -> None:
    counts, _ = _slide()
    truth, totals = _log(counts), counts.sum(axis=1)
    unit = unit_prediction(truth, CONSTANT_BELOW)  # the truth itself scores 1 and must not score the null
    assert abs(ExchangedTruth(truth, totals, PLACES, np.random.default_rng(0)).pcc(unit)) < 0.1


def test_constant_prediction_scores_zero_and_an_empty_slide_nothing() -> None:
    counts, prediction = _slide()
    constant = np.zeros_like(prediction)
    null = ExchangedTruth(_log(counts), counts.sum(axis=1), PLACES, np.random.default_rng(1), 2)
    assert null.pcc(constant) == null.structure(constant) == 0.0
    for too_few in (counts[:0], counts[:2], counts * 0):
        totals = too_few.sum(axis=1)
        truth, places = log_expression(too_few[:, :-1], totals), PLACES[: len(too_few)]
        null = ExchangedTruth(truth, totals, places, np.random.default_rng(1), 2)
        flat = np.zeros((len(too_few), N_GENES))
        assert np.isnan([null.pcc(flat), null.structure(flat)]).all()
