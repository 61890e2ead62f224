"""The inner loop on curves made by hand."""

from __future__ import annotations

import json
import math

import pytest

from stbench.errors import MethodError
from stbench.evaluation.folds import Fold
from stbench.evaluation.tuning import Tuning, tune

ONE, TWO = Fold("S1", ("S2",), ("S1",)), Fold("S2", ("S1",), ("S2",))
NAN = math.nan


def choose(*curves: tuple[list[float], list[float]]) -> Tuning:
    """Tune over settings {"i": 0}, {"i": 1}, ... whose curves on the two folds are given."""
    settings = [{"i": i} for i in range(len(curves))]
    return tune(settings, [ONE, TWO], lambda point, fold: curves[point["i"]][fold is TWO])


def test_the_highest_mean_over_folds_at_equal_epoch_wins():
    found = choose(
        ([0.1, 0.5, 0.2], [0.5, 0.1, 0.2]), ([0.1, 0.3, 0.4], [0.1, 0.35, 0.2]), ([0.2] * 3, [0.1] * 3)
    )
    assert (found.settings, found.epochs, found.at_cap) == ({"i": 1}, 2, False)
    assert found.score == pytest.approx(0.325)
    assert found.curves[0] == {"settings": {"i": 0}, "curve": [0.3, 0.3, 0.2]}


def test_one_folds_peak_does_not_win_alone():
    found = choose(([0.9, 0.0], [0.0, 0.0]), ([0.5, 0.0], [0.5, 0.0]))
    assert found.settings == {"i": 1}


def test_of_equals_the_earlier_setting_and_epoch_win():
    found = choose(([0.2, 0.4, 0.4], [0.2, 0.4, 0.4]), ([0.4, 0.4, 0.4], [0.4, 0.4, 0.4]))
    assert (found.settings, found.epochs) == ({"i": 0}, 2)


def test_an_epoch_at_the_cap_is_flagged():
    assert choose(([0.1, 0.2], [0.1, 0.2])).at_cap
    assert not choose(([0.2, 0.1], [0.2, 0.1])).at_cap


def test_a_method_without_epochs_has_none_to_choose():
    found = choose(([0.1], [0.3]), ([0.3], [0.3]))
    assert (found.settings, found.epochs, found.at_cap) == ({"i": 1}, None, False)


def test_an_undefined_value_cannot_win_and_poisons_its_epoch_only():
    found = choose(([0.1, NAN, 0.2], [0.1, 0.9, 0.1]), ([NAN, NAN, 0.1], [math.inf, 0.9, 0.1]))
    assert (found.settings, found.epochs) == ({"i": 0}, 3)
    assert found.curves[1]["curve"] == [None, None, 0.1]


def test_curves_of_different_length_are_compared_as_far_as_all_go():
    found = choose(([0.1, 0.2, 0.9], [0.1, 0.2]))
    assert (found.epochs, found.at_cap) == (2, True)


def test_nothing_finite_or_no_curve_is_an_error_of_the_method():
    with pytest.raises(MethodError, match="No setting of the grid reached a finite"):
        choose(([NAN], [0.1]), ([0.1], [-math.inf]))
    with pytest.raises(MethodError, match=r"\{'i': 1\} handed over no prediction"):
        choose(([0.1], [0.1]), ([], [0.1]))


def test_the_outcome_survives_json():
    found = choose(([0.1, NAN, 0.3], [0.1, 0.9, 0.1]))
    assert Tuning.from_plain(json.loads(json.dumps(found.to_plain(), allow_nan=False))) == found
