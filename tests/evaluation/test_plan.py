"""The jobs of a run: how many fits, and what a Record's key follows and what it does not."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_slides import make_slides, sources_of

from stbench.contract import MethodCard, SlideSource
from stbench.errors import UnknownName, UsageError
from stbench.evaluation import freshness as freshness_module
from stbench.evaluation import plan as plan_module
from stbench.evaluation import trial_keys as keys_module
from stbench.evaluation.contestant import Contestant
from stbench.evaluation.design import Design
from stbench.evaluation.plan import Plan, inner_trials, make_plan
from stbench.preprocess.patches import PatchSize

GRID = ({}, {"penalty": 10.0}, {"penalty": 20.0})
FULL = {"penalty": [1.0, 2.0], "width": [3, 4, 5]}


def contestant(kind: str = "method", **changes: Any) -> Contestant:
    card = MethodCard(title="T", summary="S", family="F", kind=kind, grid=GRID, full_grid=FULL)  # type: ignore[arg-type]
    return replace(Contestant("mine", card, "source", "", {}, {}), **changes)


@pytest.fixture
def sources(tmp_path, cache) -> list[SlideSource]:
    return sources_of(make_slides(tmp_path / "slides"))


def plan_of(
    sources: Sequence[SlideSource],
    *contestants: Contestant,
    seeds: Sequence[int] = (0,),
    dataset_source: str = "reader",
    **design: Any,
) -> Plan:
    fixed = Design("tiny", **design)
    return make_plan(fixed, dataset_source, sources, contestants or [contestant()], seeds)


def keys(*arguments: Any, **changes: Any) -> set[str]:
    return {key for job in plan_of(*arguments, **changes).jobs for key in job.keys.values()}


def inner_keys(*arguments: Any, **changes: Any) -> set[str]:
    return set(inner_trials(plan_of(*arguments, **changes).jobs))


def test_pairs_of_blocks_are_fitted_once_for_both(sources):
    assert plan_of(sources).n_trials == 6 * 3 + 4
    assert plan_of(sources, seeds=(0, 1, 2)).n_trials == 6 * 3 + 4 * 3
    assert plan_of(sources, contestant(), contestant("floor", name="other")).n_trials == 2 * (6 * 3 + 4)
    assert (
        inner_keys(sources) == inner_keys(sources, split="slide-matched") == inner_keys(sources, seeds=(4, 9))
    )
    assert inner_keys(sources) < inner_keys(sources, contestant(), contestant(name="other"))


def test_the_number_of_literal_fits_is_groups_times_others_times_settings_plus_groups(sources):
    assert plan_of(sources, inner="all").n_trials == 4 * 3 * 3 + 4
    assert plan_of(sources, inner="all", grid="full").n_trials == 4 * 3 * 6 + 4
    assert plan_of(sources, inner="2").n_trials == 4 * 2 * 3 + 4
    assert plan_of(sources, inner="none").n_trials == 4
    assert plan_of(sources, inner="all", max_settings=2).n_trials == 4 * 3 * 2 + 4
    patients = plan_of(sources, split="patient", inner="all")  # A, A, B, C: two inner groups each
    assert patients.n_trials == 3 * 2 * 3 + 3 - 2 * 3  # without A two slides are left: no inner loop


def many_slides(tmp_path: Path, n: int, per_patient: int) -> list[SlideSource]:
    (tmp_path / "file").write_text("x")
    files: Mapping[str, Path] = {"image": tmp_path / "file"}
    return [
        SlideSource(f"S{i}", f"P{i // per_patient}", files, lambda: None)  # type: ignore[arg-type, return-value]
        for i in range(n)
    ]


def test_36_slides_of_8_patients_with_four_settings_are_148_trials_and_literally_5076(tmp_path, cache):
    many = many_slides(tmp_path, 36, 5)  # seven patients of five slides, one of one
    card = MethodCard(title="T", summary="S", family="F", grid=({}, {"a": 1}, {"a": 2}, {"a": 3}))
    assert plan_of(many, contestant(card=card)).n_trials == 28 * 4 + 36 == 148
    assert plan_of(many, contestant(card=card), inner="all").n_trials == 5_076


def test_one_tuning_serves_all_three_splits_and_only_refits_are_new(tmp_path, cache):
    many = many_slides(tmp_path, 16, 2)
    by_split = {split: plan_of(many, split=split) for split in ("slide", "patient", "slide-matched")}
    assert len({frozenset(inner_trials(plan.jobs)) for plan in by_split.values()}) == 1
    refits = [key for plan in by_split.values() for job in plan.jobs for key in job.keys.values()]
    assert len(set(refits)) == len(refits) == 16 + 8 + 16


SIZES = [(16, 2), (9, 2), (6, 3), (12, 1)]  # slides, and how many of a patient


@pytest.mark.parametrize(
    ("split", "n", "per_patient"),
    # Of one patient alone, nothing but slides can be left out.
    [("slide", 5, 5), *((split, *size) for split in ("slide", "patient", "slide-matched") for size in SIZES)],
)
def test_no_trial_behind_a_choice_knew_or_judged_a_slide_of_the_refits_test_group(
    tmp_path, cache, split, n, per_patient
):
    for job in plan_of(many_slides(tmp_path, n, per_patient), split=split).jobs:
        for judgement in job.judgements:
            assert not set(job.fold.test) & set(judgement.stages[0].fold.train)
            assert not set(job.fold.test) & set(judgement.slides)
            assert set(judgement.slides) <= set(judgement.stages[0].fold.test)


def test_below_four_patients_the_patient_split_is_tuned_on_its_own_and_says_so(tmp_path, cache):
    plan = plan_of(many_slides(tmp_path, 6, 3), split="patient")
    assert {job.note for job in plan.jobs} == {
        "tuned on its own training slides alone: fewer than 4 patients; inner loop by slide: one training patient"
    }
    assert not plan_of(many_slides(tmp_path, 6, 3)).jobs[0].note


def test_of_three_slides_none_is_tuned(tmp_path, cache):
    job = plan_of(many_slides(tmp_path, 3, 1)).jobs[0]
    assert job.judgements == () and "too few for an inner loop" in job.note


def test_jobs_come_fold_by_fold(sources):
    plan = plan_of(sources, contestant(), contestant(name="other"))
    assert [(job.fold.name, job.row.method) for job in plan.jobs][:3] == [
        ("S1", "mine"), ("S1", "other"), ("S2", "mine"),
    ]  # fmt: skip
    assert [fold.test for fold in plan.folds] == [("S1",), ("S2",), ("S3",), ("S4",)]


def test_the_grid_is_tried_over_the_preset_and_under_what_is_set_by_hand(sources):
    preset = contestant(settings={"penalty": 7.0, "depth": 2})
    assert plan_of(sources, preset).jobs[0].settings == (
        {"penalty": 7.0, "depth": 2}, {"penalty": 10.0, "depth": 2}, {"penalty": 20.0, "depth": 2},
    )  # fmt: skip
    by_hand = contestant(settings={"penalty": 5.0}, overrides={"penalty": 5.0})
    assert plan_of(sources, by_hand).jobs[0].settings == ({"penalty": 5.0},)
    full = plan_of(sources, by_hand, grid="full").jobs[0].settings
    assert full == tuple({"penalty": 5.0, "width": width} for width in (3, 4, 5))


def test_all_seeds_share_the_inner_trials_and_every_seed_has_its_key(sources):
    job = plan_of(sources, seeds=(5, 1)).jobs[0]
    assert (list(job.keys), len(job.trials)) == ([5, 1], 3 * 3)
    assert len(set(job.keys.values())) == 2


def test_a_method_that_needs_more_slides_than_an_inner_fold_has_goes_without(sources):
    card = contestant().card.model_copy(update={"needs": {"min_train_slides": 3}})
    card = MethodCard(**{**card.model_dump(exclude={"needs"}), "needs": {"min_train_slides": 3}})
    job = plan_of(sources, contestant(card=card)).jobs[0]
    assert job.judgements == () and "fewer than 3 training slides" in job.note
    assert job.settings == ({},)


def test_keys_follow_everything_that_a_record_depends_on(sources, tmp_path, monkeypatch):
    (tmp_path / "genes.txt").write_text("G01\nG02\n")
    first = keys(sources)
    others = [
        keys(sources, seeds=(1,)),
        keys(sources, contestant(settings={"penalty": 2.0})),
        keys(sources, contestant(overrides={"penalty": 2.0}, settings={"penalty": 2.0})),
        keys(sources, contestant(source="edited")),
        keys(sources, contestant(variant="released")),
        keys(sources, contestant(tuned=False)),
        keys(sources, contestant(card=contestant().card.model_copy(update={"grid": ({}, {"a": 1}, {"a": 2})}))),
        keys(sources, dataset_source="edited"),
        keys(sources[:3]),
        keys([sources[0]._replace(patient="Z"), *sources[1:]]),
        *(
            keys(sources, **change)
            for change in (
                {"split": "patient"}, {"inner": "none"}, {"inner": "2"}, {"inner": "all"},
                {"tune_on": "pcc-equal-depth"}, {"threads": 2}, {"device": "cuda"}, {"halving": True}, {"grid": "full"},
                {"n_genes": 100}, {"genes": "highest"}, {"genes": f"file:{tmp_path}/genes.txt"}, {"scale": "zscore"},
                {"encoder": "resnet18"}, {"patch": PatchSize(112)}, {"patch": PatchSize(microns=55.0)},
                {"min_counts": 50}, {"epochs": 3}, {"epochs": 4}, {"max_settings": 1}, {"target": "pearson"},
            )
        ),
    ]  # fmt: skip
    (tmp_path / "genes.txt").write_text("G01\nG03\n")
    others.append(keys(sources, genes=f"file:{tmp_path}/genes.txt"))
    np.save(sources[0].files["counts"], np.ones(3))
    others.append(keys(sources))
    monkeypatch.setattr(plan_module, "PROTOCOL_VERSION", 99)
    others.append(keys(sources))
    monkeypatch.setattr(freshness_module, "harness_hash", lambda: "edited")
    others.append(keys(sources))
    every = [first, *others]
    assert len(set.union(*every)) == sum(map(len, every))


def test_keys_do_not_follow_the_machine(sources, tmp_path):
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "genes.txt").write_text("G01\nG02\n")
    moved = []
    for source in sources:
        files = {
            name: Path(shutil.copy(path, tmp_path / "there" / path.name))
            for name, path in source.files.items()
        }
        moved.append(source._replace(files=files))
    here = keys(sources, genes=f"file:{tmp_path}/here/genes.txt")
    assert keys(moved, genes=f"file:{tmp_path}/there/genes.txt") == here
    assert str(tmp_path) not in repr(plan_of(sources, genes=f"file:{tmp_path}/here/genes.txt").table)


def test_floors_ignore_epochs_and_seeds(sources):
    floor = contestant("floor")
    assert keys(sources, floor, epochs=3, seeds=(4, 5)) == keys(sources, floor)
    assert [list(job.keys) for job in plan_of(sources, floor, seeds=(4, 5)).jobs] == [[0]] * 4
    assert keys(sources, floor, max_settings=1) != keys(sources, floor)


def test_no_other_seed_matters(sources):
    for inner in ("none", "pairs"):
        assert keys(sources, inner=inner, seeds=(1,)) <= keys(sources, inner=inner, seeds=(0, 1))


def test_an_inner_trials_key_follows_everything_that_changes_a_prediction_and_nothing_else(
    sources, tmp_path, monkeypatch
):
    (tmp_path / "genes.txt").write_text("G01\nG02\n")
    first = inner_keys(sources)
    others = [
        inner_keys(sources, contestant(settings={"width": 2})),
        inner_keys(sources, contestant(source="edited")),
        inner_keys(sources, contestant(variant="released")),
        inner_keys(sources, contestant(card=contestant().card.model_copy(update={"trains_on": "log"}))),
        inner_keys(sources, dataset_source="edited"),
        *(
            inner_keys(sources, **change)
            for change in (
                {"n_genes": 100}, {"genes": "highest"}, {"genes": f"file:{tmp_path}/genes.txt"}, {"scale": "zscore"},
                {"encoder": "resnet18"}, {"patch": PatchSize(112)}, {"min_counts": 50}, {"epochs": 3}, {"threads": 2},
                {"device": "cuda"}, {"inner": "all"}, {"target": "pearson"},
            )
        ),
    ]  # fmt: skip
    np.save(sources[0].files["counts"], np.ones(3))
    changed = inner_keys(sources)
    assert first.isdisjoint(changed), "each pair of four slides trains on, or judges by, each slide"
    others.append(changed)
    monkeypatch.setattr(keys_module, "RULE", "every epoch")
    others.append(inner_keys(sources))
    monkeypatch.setattr(keys_module, "PROTOCOL_VERSION", 99)
    others.append(inner_keys(sources))
    monkeypatch.setattr(freshness_module, "harness_hash", lambda: "edited")
    others.append(inner_keys(sources))
    every = [first, *others]
    assert len(set.union(*every)) == sum(map(len, every))


def test_an_inner_trial_does_not_follow_slides_that_it_does_not_read(tmp_path, cache):
    sources = sources_of(make_slides(tmp_path / "slides"))
    trials = inner_trials(plan_of(sources, inner="all").jobs).values()
    without = inner_trials(plan_of(sources[:3] + sources[3:], inner="all").jobs)
    assert {trial.key for trial in trials} == without.keys()
    np.save(sources[3].files["counts"], np.ones(3))
    again = inner_trials(plan_of(sources, inner="all").jobs)
    unread = [t for t in trials if "S4" not in {*t.fold.train, *t.fold.test, *t.fold.panel_slides}]
    assert unread and all(trial.key in again for trial in unread)
    assert all(trial.key not in again for trial in trials if trial not in unread)


def test_changing_what_is_tuned_on_costs_refits_only(sources):
    assert inner_keys(sources) == inner_keys(sources, tune_on="pcc-given-depth")
    assert not keys(sources) & keys(sources, tune_on="pcc-given-depth")


@pytest.mark.parametrize(
    ("design", "words"),
    [
        ({}, "3 settings tried"),
        ({"epochs": 1, "max_settings": 1}, "at most 1 epoch"),
        ({"epochs": 5, "grid": "full"}, "at most 5 epochs, 6 settings tried"),
        ({"inner": "none", "epochs": 5}, "at most 5 epochs"),
    ],
)
def test_the_budget_is_the_same_on_all_folds(sources, design, words):
    assert {job.row.budget for job in plan_of(sources, **design).jobs} == {words}
    assert {job.row.budget for job in plan_of(sources, split="patient", **design).jobs} == {words}


def test_all_jobs_share_a_table_that_names_what_it_is_about(sources):
    plan = plan_of(sources, contestant(), contestant("floor", name="other"), min_counts=50)
    assert {job.table for job in plan.jobs} == {plan.table}
    assert plan.table.slides == ("S1", "S2", "S3", "S4")
    assert (plan.table.min_counts, plan.table.patch, plan.table.target) == (50, "224 px", "logcpm")
    assert plan.table.encoder.startswith("efficientnet_lite0@")


@pytest.mark.parametrize(
    "wrong",
    [
        {"split": "spot"}, {"tune_on": "rmse"}, {"threads": 0}, {"grid": "large"}, {"scale": "log"},
        {"target": "persn"}, {"inner": "1"}, {"inner": "x"}, {"n_genes": 0}, {"min_counts": -1},
        {"epochs": -1}, {"max_settings": 0},
    ],
)  # fmt: skip
def test_a_design_that_no_run_can_have_is_refused(wrong):
    with pytest.raises(UsageError) as error:
        Design("tiny", **wrong)
    assert str(next(iter(wrong.values()))) in str(error.value)


def test_a_design_refuses_unknown_names():
    with pytest.raises(UnknownName, match="Did you mean resnet18"):
        Design("tiny", encoder="resnet")
    with pytest.raises(UnknownName, match="Did you mean train-hvg"):
        Design("tiny", genes="trainhvg")
    with pytest.raises(UnknownName, match="Did you mean pearson"):
        Design("tiny", target="persn")  # type: ignore[arg-type]
