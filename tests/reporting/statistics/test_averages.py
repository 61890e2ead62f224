"""Averages and skill against hand-worked cases."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from stbench.reporting.statistics import (
    mean,
    n_scored_patients,
    n_scored_slides,
    over_patients,
    over_seeds,
    patient_means,
    skill,
    standard_deviation,
)

PATIENTS = {"B1": "B", "B2": "B", "C1": "C"}


def test_the_patient_is_the_unit():
    scores = {"B1": 0.1, "B2": 0.3, "C1": 0.6}
    assert patient_means(scores, PATIENTS) == {"B": pytest.approx(0.2), "C": 0.6}
    assert over_patients(scores, PATIENTS) == pytest.approx((0.2 + 0.6) / 2)
    assert mean(scores.values()) == pytest.approx(1.0 / 3)


def test_an_undefined_slide_is_left_out_and_a_patient_without_any_score_too():
    assert over_patients({"B1": 0.1, "B2": None, "C1": 0.6}, PATIENTS) == pytest.approx(0.35)
    assert over_patients({"B1": None, "B2": None, "C1": 0.6}, PATIENTS) == pytest.approx(0.6)
    assert over_patients({"B1": None}, PATIENTS) is None


def test_without_a_patient_the_plain_slide_mean_is_taken():
    scores = {"B1": 0.1, "B2": 0.3, "X9": 0.5}
    assert patient_means(scores, PATIENTS | {"X9": None}) is None
    assert over_patients(scores, PATIENTS | {"X9": None}) == pytest.approx(0.3)


def test_seeds_are_averaged_slide_by_slide():
    averaged = over_seeds([{"B1": 0.2, "B2": 0.4}, {"B1": 0.4}, {"B1": None, "B2": None}])
    assert averaged == {"B1": pytest.approx(0.3), "B2": 0.4}
    assert over_seeds([]) == {}


def test_one_value_has_no_deviation():
    assert standard_deviation([0.3, None]) is None
    assert standard_deviation([0.1, 0.3, 0.8]) == pytest.approx(np.std([0.1, 0.3, 0.8], ddof=1))


def test_only_what_has_a_score_is_counted():
    scores = {"B1": 0.1, "B2": None, "C1": None}
    assert n_scored_slides(scores) == 1 and n_scored_patients(scores, PATIENTS) == 1
    assert n_scored_patients({}, PATIENTS) == 0
    assert n_scored_patients({"B1": 0.1, "X9": 0.2}, PATIENTS | {"X9": None}) is None


def test_means_do_not_depend_on_the_order():
    values = [0.1, 0.7, 1e-17, -0.3, 1e9]
    assert len({mean(order) for order in itertools.permutations(values)}) == 1


def test_skill_is_a_ratio_of_means_that_needs_room():
    assert skill(0.3, 0.2, 0.7) == pytest.approx(0.2)
    assert skill(0.1, 0.2, 0.7) == pytest.approx(-0.2)
    assert skill(0.3, 0.2, 0.2199) is None
    assert skill(0.3, 0.2, 0.1) is None
    assert skill(None, 0.2, 0.7) is skill(0.3, None, 0.7) is skill(0.3, 0.2, None) is None
