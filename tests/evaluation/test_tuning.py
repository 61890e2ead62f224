"""The inner loop's choice on curves made by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from stbench.contract import MethodCard
from stbench.evaluation.contestant import Contestant
from stbench.evaluation.curves import Curves
from stbench.evaluation.folds import Fold
from stbench.evaluation.inner_trials import InnerTrial, sharing_a_fit
from stbench.evaluation.plan import Job, Judgement
from stbench.evaluation.tuning import Choice, Loop, Tuning, better_half, choose

CONTESTANT = Contestant("mine", MethodCard(title="T", summary="S", family="F"), "", "", {}, {})
NAN = math.nan
Values = list[float]


def trial_of(key: str, slide: str, point: dict) -> InnerTrial:
    return InnerTrial(key, CONTESTANT, Fold(slide, (), (slide,)), "slide", (point,), None)


def job_of(n_settings: int, slides: list[str]) -> Job:
    """A job whose settings {"i": 0}, {"i": 1}, ... are judged on slides, by a trial for each setting and slide."""
    settings = tuple({"i": i} for i in range(n_settings))
    judgements = tuple(
        Judgement((trial_of(f"{i} {slide}", slide, point),), (slide,), (i,))
        for slide in slides
        for i, point in enumerate(settings)
    )
    fold = Fold("T", ("S1", "S2"), ("T",))
    return Job(CONTESTANT, fold, settings, judgements, {0: "key"}, None, None, 3, None)  # type: ignore[arg-type]


def curve(
    key: str, slide: str, values: Values, checkpoints: tuple[int, ...] | None = None, **more: float
) -> Curves:
    plain = tuple(v if math.isfinite(v) else None for v in values)
    others = {name: (value,) * len(values) for name, value in more.items()}
    return Curves(
        key, {}, checkpoints or tuple(range(1, len(values) + 1)), ({slide: {"pcc": plain, **others}},)
    )


def choice_of(
    *curves: tuple[Values, ...],
    patients: dict[str, str | None] | None = None,
    failed: dict[int, str] | None = None,
    checkpoints: tuple[int, ...] | None = None,
) -> Choice:
    """Choose among settings whose curves on slides S0, S1, ... are given."""
    slides = [f"S{k}" for k in range(len(curves[0]))]
    job = job_of(len(curves), slides)
    found = {
        f"{i} {slide}": curve(f"{i} {slide}", slide, values, checkpoints)
        for i, of_setting in enumerate(curves)
        for slide, values in zip(slides, of_setting, strict=True)
    }
    for i, reason in (failed or {}).items():
        found[f"{i} S0"] = Curves(f"{i} S0", {}, failure=reason)
    return choose(Loop(job, found, "pcc", patients or dict.fromkeys(slides)))


def tuning_of(*curves: tuple[Values, ...], **more: object) -> Tuning:
    found = choice_of(*curves, **more).tuning  # type: ignore[arg-type]
    assert found is not None
    return found


def test_the_highest_mean_over_slides_at_an_equal_checkpoint_wins():
    found = tuning_of(
        ([0.1, 0.5, 0.2], [0.5, 0.1, 0.2]), ([0.1, 0.3, 0.4], [0.1, 0.35, 0.2]), ([0.2] * 3, [0.1] * 3)
    )
    assert (found.settings, found.epochs, found.at_cap) == ({"i": 1}, 2, False)
    assert found.score == pytest.approx(0.325)
    assert found.curves[0] == {"settings": {"i": 0}, "checkpoints": (1, 2, 3), "curve": [0.3, 0.3, 0.2]}


def test_the_chosen_epoch_is_the_checkpoints():
    found = tuning_of(([0.1, 0.5, 0.2],), checkpoints=(1, 7, 40))
    assert (found.epochs, found.at_cap) == (7, False)


def test_slides_are_averaged_within_patients_first():
    """Three sections of one patient have one vote together."""
    curves = (([0.9], [0.9], [0.9], [0.1]), ([0.7], [0.7], [0.7], [0.5]))
    assert tuning_of(*curves).settings == {"i": 0}
    of_two = {"S0": "A", "S1": "A", "S2": "A", "S3": "B"}
    assert tuning_of(*curves, patients=of_two).settings == {"i": 1}


def test_of_equals_the_earlier_setting_and_checkpoint_win():
    found = tuning_of(([0.2, 0.4, 0.4], [0.2, 0.4, 0.4]), ([0.4, 0.4, 0.4], [0.4, 0.4, 0.4]))
    assert (found.settings, found.epochs) == ({"i": 0}, 2)


def test_an_epoch_at_the_cap_is_flagged():
    assert tuning_of(([0.1, 0.2], [0.1, 0.2])).at_cap
    assert not tuning_of(([0.2, 0.1], [0.2, 0.1])).at_cap


def test_a_method_without_epochs_has_none_to_choose():
    found = tuning_of(([0.1], [0.3]), ([0.3], [0.3]), checkpoints=(0,))
    assert (found.settings, found.epochs, found.at_cap) == ({"i": 1}, None, False)


def test_an_undefined_value_cannot_win_and_poisons_its_checkpoint_only():
    found = tuning_of(([0.1, NAN, 0.2], [0.1, 0.9, 0.1]), ([NAN, NAN, 0.1], [math.inf, 0.9, 0.1]))
    assert (found.settings, found.epochs) == ({"i": 0}, 3)
    assert found.curves[1]["curve"] == [None, None, 0.1]


def test_a_slide_without_any_score_has_no_say():
    found = choice_of(([0.1, 0.2], [NAN, NAN]))
    assert found.tuning and found.tuning.score == pytest.approx(0.2)


def test_a_setting_with_a_failed_trial_is_out_and_said():
    found = choice_of(([0.9], [0.9]), ([0.1], [0.1]), failed={0: "it broke"})
    assert found.tuning and found.tuning.settings == {"i": 1}
    assert found.notes == ("inner loop without i=0: it broke",)


def test_where_no_setting_is_left_nothing_is_chosen_and_that_is_said():
    found = choice_of(([0.9],), failed={0: "it broke"})
    assert found.tuning is None
    assert found.notes[-1] == "published settings: in the inner loop no setting was left"


def test_another_score_may_choose_otherwise():
    job, slides = job_of(2, ["S0"]), {"S0": None}
    found = {
        "0 S0": curve("0 S0", "S0", [0.9], pcc_given_depth=0.1),
        "1 S0": curve("1 S0", "S0", [0.5], pcc_given_depth=0.2),
    }
    plain, depth_aware = (
        choose(Loop(job, found, score, slides)).tuning for score in ("pcc", "pcc_given_depth")
    )
    assert plain and depth_aware
    assert (plain.settings, depth_aware.settings) == ({"i": 0}, {"i": 1})


def test_one_fit_judges_what_differs_at_prediction_alone():
    points = [{}, {"k": 1}, {"rate": 2}, {"rate": 2, "k": 1}, {"other": 3, "k": 1}]
    assert sharing_a_fit(points, ["k"]) == [(0, 1), (2, 3), (4,)]
    assert sharing_a_fit(points, []) == [(0,), (1,), (2,), (3,), (4,)]
    # The one to train is the one that says least, since nobody here knows the default of what another says.
    assert sharing_a_fit([{"k": 1}, {}], ["k"]) == [(1, 0)]
    assert sharing_a_fit([{"k": 1}, {"j": 2}], ["k", "j"]) == [(0,), (1,)]


def test_a_sweep_says_how_the_further_points_differ():
    points = ({"rate": 2, "k": 5}, {"rate": 2, "k": 1}, {"rate": 2, "k": 5, "j": 3})
    trial = InnerTrial("", CONTESTANT, Fold("", (), ()), "slide", points, None)
    assert trial.sweep == ({"k": 1}, {"j": 3})
    assert Path(CONTESTANT.place.folder) == Path()


def test_a_halving_keeps_the_better_half_rounded_up_by_the_best_score_so_far():
    job = job_of(3, ["S0"])
    found = {
        "0 S0": curve("0 S0", "S0", [0.3, 0.1]),
        "1 S0": curve("1 S0", "S0", [0.1, 0.2]),
        "2 S0": curve("2 S0", "S0", [0.2, 0.2]),
    }
    loop = Loop(job, found, "pcc", {"S0": None})
    assert better_half(loop, [0, 1, 2]) == [0, 1], "of equals the earlier"
    assert better_half(loop, [1]) == [1]
    assert better_half(
        Loop(job, found | {"0 S0": Curves("0 S0", {}, failure="no")}, "pcc", {}), [0, 1, 2]
    ) == [1]
