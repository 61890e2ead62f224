"""Which tables of several data sets may stand beside each other."""

from __future__ import annotations

from dataclasses import replace

from reporting.record_factory import TABLE

from stbench.reporting.tables.across import meeting, patches_apart

HER2, CSCC = (replace(TABLE, dataset=name, patch="112 um") for name in ("her2", "cscc"))
HER2_SMALL, CSCC_SMALL = (replace(table, patch="55 um") for table in (HER2, CSCC))


def test_patches_of_one_size_meet_each_other_and_no_others():
    assert meeting([HER2, HER2_SMALL, CSCC_SMALL, CSCC]) == [[0, 3], [1, 2]]
    assert patches_apart([HER2, CSCC]) == ""


def test_where_no_two_data_sets_have_the_same_patches_each_brings_its_own_and_that_is_told():
    assert meeting([HER2, CSCC_SMALL]) == [[0, 1]]
    assert patches_apart([HER2, CSCC_SMALL]) == "patches differ: 112 um on her2, 55 um on cscc"


def test_other_recipes_and_one_data_set_meet_nobody():
    assert meeting([HER2, replace(CSCC, genes="svg")]) == meeting([HER2, HER2_SMALL]) == []
