"""Who trains and who tests: every slide is tested once, no group is on both sides, at any depth."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stbench.errors import UsageError
from stbench.evaluation.folds import (
    Fold,
    InnerFolds,
    group_slides,
    inner_folds,
    leave_one_group_out,
    outer_folds,
)

PATIENTS = {"A1": "A", "B1": "B", "A2": "A", "C1": "C", "C2": "C"}
patient_tables = st.dictionaries(
    st.text("ABCDEFGH123", min_size=1, max_size=3), st.sampled_from("PQRS"), min_size=2
)


def test_by_slide_every_slide_is_tested_on_all_others():
    folds = leave_one_group_out(group_slides(PATIENTS, "slide"))
    assert folds[1] == Fold("B1", ("A1", "A2", "C1", "C2"), ("B1",))
    assert [fold.name for fold in folds] == list(PATIENTS)


def test_by_patient_siblings_are_tested_together():
    folds = leave_one_group_out(group_slides(PATIENTS, "patient"))
    assert folds == [
        Fold("A", ("B1", "C1", "C2"), ("A1", "A2")),
        Fold("B", ("A1", "A2", "C1", "C2"), ("B1",)),
        Fold("C", ("A1", "B1", "A2"), ("C1", "C2")),
    ]


def test_the_inner_loop_splits_as_the_outer_one():
    by_slide = inner_folds(("A1", "B1", "C1"), group_slides(PATIENTS, "slide"), "all")
    assert by_slide == InnerFolds(
        (
            Fold("A1", ("B1", "C1"), ("A1",)),
            Fold("B1", ("A1", "C1"), ("B1",)),
            Fold("C1", ("A1", "B1"), ("C1",)),
        )
    )
    by_patient = inner_folds(("A1", "B1", "A2"), group_slides(PATIENTS, "patient"), "all")
    assert by_patient == InnerFolds((Fold("A", ("B1",), ("A1", "A2")), Fold("B", ("A1", "A2"), ("B1",))))


def test_k_inner_folds_deal_out_whole_groups():
    train = tuple(f"{p}{i}" for p in "ABCDE" for i in (1, 2))
    groups = {slide: slide[0] for slide in train}
    folds = inner_folds(train, groups, "2").folds
    assert [fold.test for fold in folds] == [
        tuple(s for s in train if s[0] in "ACE"),
        tuple(s for s in train if s[0] in "BD"),
    ]
    assert len(inner_folds(train, groups, "4").folds) == 4
    fifty, every = inner_folds(train, groups, "50"), inner_folds(train, groups, "all")
    assert fifty.folds == every.folds and every.note == ""
    assert "50 inner folds were asked for" in fifty.note and f"make {len(every.folds)}" in fifty.note


def test_what_the_inner_loop_does_without_is_told():
    groups = group_slides(PATIENTS, "patient")
    alone = inner_folds(("A1", "A2", "A3"), {**groups, "A3": "A"}, "all")
    assert [fold.test for fold in alone.folds] == [("A1",), ("A2",), ("A3",)]
    assert alone.note == "inner loop by slide: one training patient"
    few = inner_folds(("A1", "C1"), groups, "all")
    assert few.folds == () and few.note.startswith("2 training slides are too few")
    assert inner_folds(("A1", "C1", "B1"), groups, "none") == InnerFolds(())


def test_splits_that_cannot_be_formed_are_refused():
    for split in ("slide", "patient"):
        with pytest.raises(UsageError, match=r"at least two slides; found 1 \(A1\)"):
            group_slides({"A1": "A"}, split)
    with pytest.raises(UsageError, match="not stated for B1, B2"):
        group_slides({"A1": "A", "B1": None, "B2": None}, "patient")
    with pytest.raises(UsageError, match="all slides are of patient A"):
        group_slides({"A1": "A", "A2": "A"}, "patient")
    assert group_slides({"A1": None, "A2": None}, "slide") == {"A1": "A1", "A2": "A2"}


@given(patient_tables, st.sampled_from(["slide", "patient"]), st.sampled_from(["all", "2", "3"]))
def test_no_group_is_on_both_sides_and_every_slide_is_tested_once(patients, split, inner):
    if split == "patient" and len(set(patients.values())) < 2:
        return
    groups = group_slides(patients, split)
    outer = leave_one_group_out(groups)
    assert sorted(slide for fold in outer for slide in fold.test) == sorted(patients)
    for fold in outer:
        assert set(fold.train) | set(fold.test) == set(patients)
        assert not {groups[s] for s in fold.train} & {groups[s] for s in fold.test}
        loop = inner_folds(fold.train, groups, inner)
        tested = [slide for inside in loop.folds for slide in inside.test]
        assert sorted(tested) == (sorted(fold.train) if loop.folds else [])
        assert loop.folds or len(fold.train) < 3
        for inside in loop.folds:
            assert set(inside.train) | set(inside.test) == set(fold.train)
            assert inside.train and not set(inside.train) & set(inside.test)
            if not loop.note:
                assert not {groups[s] for s in inside.train} & {groups[s] for s in inside.test}


@given(patient_tables)
def test_the_size_matched_split_trains_on_as_many_slides_as_the_patient_split_on_its_panel(patients):
    if len(set(patients.values())) < 2:
        return
    by_patient = {slide: fold for fold in outer_folds(patients, "patient") for slide in fold.test}
    matched = outer_folds(patients, "slide-matched")
    assert [fold.test for fold in matched] == [(slide,) for slide in patients]
    for fold in matched:
        (slide,) = fold.test
        siblings = {name for name in patients if patients[name] == patients[slide]} - {slide}
        dropped = set(patients) - {slide} - set(fold.train)
        assert slide not in fold.train
        assert len(fold.train) == len(by_patient[slide].train)
        assert fold.panel_slides == by_patient[slide].train
        assert bool(siblings & set(fold.train)) == bool(siblings)
        assert not siblings & dropped or not set(fold.train) - siblings  # strangers go before siblings do


def test_the_size_matched_split_by_hand():
    folds = {fold.name: fold for fold in outer_folds(PATIENTS, "slide-matched")}
    assert folds["B1"] == Fold("B1", ("A1", "A2", "C1", "C2"), ("B1",), ("A1", "A2", "C1", "C2"))
    assert folds["A1"].panel_slides == ("B1", "C1", "C2")
    assert len(folds["A1"].train) == 3 and "A2" in folds["A1"].train
    assert outer_folds(PATIENTS, "slide-matched") == outer_folds(PATIENTS, "slide-matched")
    with pytest.raises(
        UsageError, match="--split slide-matched needs every slide's patient; not stated for A2"
    ):
        outer_folds({"A1": "A", "A2": None, "B1": "B"}, "slide-matched")
