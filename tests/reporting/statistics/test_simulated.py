"""What tests and intervals do on simulated leaderboards of which the truth is known.

Patients have one to five slides, slides of a patient are alike, all rivals share the noise of the reference, scores are
rounded so that ties and zeros occur, one rival lacks a slide and one a whole patient, as after failed folds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from stbench.reporting.statistics import (
    compare_across,
    compare_with_reference,
    mean,
    patient_means,
    score_interval,
    t_interval,
)
from stbench.reporting.statistics.holm import holm
from stbench.reporting.statistics.paired import signed_rank_p
from stbench.reporting.statistics.sign_flips import flip_test

N_RIVALS = 6
REFERENCE = "smooth"


def leaderboard(random: np.random.Generator, n: int, effects: Sequence[float], lacking: bool = True):
    """(method -> slide -> score, slide -> patient): rival i stands `effects[i]` above the reference."""
    n_slides = random.permutation(1 + np.arange(n) % 5)
    patient = np.repeat(np.arange(n), n_slides)
    level = random.normal(0.2, 0.05, n)[patient] + random.normal(0, 0.03, len(patient))
    of_patients = random.normal(0, 0.02, (n, 1 + len(effects)))[patient]
    noise = of_patients + random.normal(0, 0.015, (len(patient), 1 + len(effects)))
    values = (level[:, None] + noise + np.array([0, *effects])).round(2)
    slides = [f"P{p}.{i}" for i, p in enumerate(patient)]
    names = [REFERENCE, *(f"m{i}" for i in range(len(effects)))]
    scores = {
        name: dict(zip(slides, column, strict=True))
        for name, column in zip(names, values.T.tolist(), strict=True)
    }
    patients = {slide: f"P{p}" for slide, p in zip(slides, patient, strict=True)}
    if lacking:
        full = slides[int(np.flatnonzero(patient == n_slides.argmax())[0])]
        del scores["m0"][full]
        scores["m1"] = {s: v for s, v in scores["m1"].items() if patients[s] != patients[slides[0]]}
    return scores, patients


def by_patient(scores, patients):
    """Method -> patient -> difference from the reference, slide by slide where both have one; the reference is 0."""
    reference = scores[REFERENCE]
    return {
        name: patient_means({slide: value - reference[slide] for slide, value in own.items()}, patients)
        for name, own in scores.items()
    }


def false_claims(n: int, n_trials: int, effects: Sequence[float], seed: int) -> float:
    """Share of leaderboards on which a rival that differs in nothing is said to differ."""
    random, wrong = np.random.default_rng(seed), 0
    for _ in range(n_trials):
        found = by_patient(*leaderboard(random, n, effects))
        tests = {test.method: test for test in compare_with_reference(found, REFERENCE)}
        assert tests["m1"].alone and tests["m1"].n == n - 1 and not tests["m0"].alone
        wrong += any(tests[f"m{i}"].p_adjusted < 0.05 for i, effect in enumerate(effects) if effect == 0)
    return wrong / n_trials


def sampling_error(share: float, n_trials: int) -> float:
    return 2.5 * np.sqrt(share * (1 - share) / n_trials)


def test_the_family_wise_error_holds():
    n_trials = 500
    assert false_claims(9, n_trials, [0.0] * N_RIVALS, seed=1) <= 0.05 + sampling_error(0.05, n_trials)


@pytest.mark.slow
@pytest.mark.parametrize("effects", [[0.0] * N_RIVALS, [0.0, 0.0, 0.0, 0.0, 0.05, 0.1]])
@pytest.mark.parametrize("n", [6, 12])
def test_the_family_wise_error_holds_whichever_rivals_differ(n, effects):
    n_trials = 2000
    assert false_claims(n, n_trials, effects, seed=n) <= 0.05 + sampling_error(0.05, n_trials)


def test_the_error_holds_over_data_sets():
    random, n_trials, wrong = np.random.default_rng(4), 400, 0
    for _ in range(n_trials):
        boards = [leaderboard(random, n, [0.0] * 4, lacking=False) for n in (3, 4, 2)]
        tables = {str(i): by_patient(*board) for i, board in enumerate(boards)}
        wrong += any(found.p_adjusted < 0.05 for found in compare_across(tables, REFERENCE))
    assert 0.01 < wrong / n_trials <= 0.05 + sampling_error(0.05, n_trials)


def test_the_flips_find_what_holm_never_can():
    """Eight patients, sixteen rivals of which one stands .04 above the reference, differences of deviation .028."""
    random, n_trials, by_flips, by_holm = np.random.default_rng(0), 600, 0, 0
    for trial in range(n_trials):
        differences = random.normal(0, 0.028, (8, 16))
        differences[:, 0] += 0.04
        by_flips += flip_test(differences).p_adjusted[0] < 0.05
        if trial < 100:  # it cannot: 16 * 2 / 2^8 = .125
            by_holm += holm([signed_rank_p(column) for column in differences.T])[0] < 0.05
    assert by_flips / n_trials == pytest.approx(0.46, abs=sampling_error(0.46, n_trials))
    assert by_holm == 0


def test_taking_slides_for_patients_would_not_hold():
    """No difference in truth, 6 patients with 4 slides each, intraclass correlation 0.6 of the differences."""
    random = np.random.default_rng(7)
    n_trials, by_patient, by_slide = 400, 0, 0
    for _ in range(n_trials):
        slides = random.normal(0, np.sqrt(0.6), (6, 1)) + random.normal(0, np.sqrt(0.4), (6, 4))
        by_patient += flip_test(slides.mean(axis=1, keepdims=True)).p[0] < 0.05
        by_slide += stats.wilcoxon(slides.ravel()).pvalue < 0.05
    assert by_patient / n_trials <= 2 / 64 + sampling_error(2 / 64, n_trials)
    assert by_slide / n_trials > 0.15


@pytest.mark.parametrize("n", [3, 4, 8])
def test_the_intervals_cover(n):
    """Correlations whose Fisher z is normal, and patient means of differences with unequal numbers of slides."""
    random, n_trials = np.random.default_rng(n), 3000
    values = np.tanh(random.normal(0.25, 0.12, (n_trials, n)))
    truth = float(np.tanh(np.random.default_rng(0).normal(0.25, 0.12, 1_000_000)).mean())
    covered = [low <= truth <= high for low, high in (score_interval(row, True) for row in values.tolist())]
    assert np.mean(covered) == pytest.approx(0.95, abs=sampling_error(0.95, n_trials) + 0.003)
    n_slides = 1 + np.arange(n) % 5
    patients = random.normal(0.01, 0.02, (n_trials, n)) + random.normal(0, 0.015, (n_trials, n)) / np.sqrt(
        n_slides
    )
    covered = [low <= 0.01 <= high for low, high in map(t_interval, patients.tolist())]
    assert np.mean(covered) == pytest.approx(0.95, abs=sampling_error(0.95, n_trials) + 0.003)


def test_the_interval_of_strong_correlations_covers_where_students_leaves_the_scale():
    """Three patients around .9: the plain interval passes 1 in half of all cases, Fisher's never does."""
    random, n_trials = np.random.default_rng(2), 2000
    values = np.tanh(random.normal(1.5, 0.4, (n_trials, 3)))
    plain = [t_interval(row) for row in values.tolist()]
    fisher = [score_interval(row, correlation=True) for row in values.tolist()]
    assert np.mean([high > 1 for _, high in plain]) > 0.3
    assert all(low > -1 and high < 1 for low, high in fisher)
    truth = float(np.tanh(1.5))  # the value at the mean of z
    assert np.mean([low <= truth <= high for low, high in fisher]) == pytest.approx(0.95, abs=0.015)
    assert mean(values.ravel().tolist()) < truth
