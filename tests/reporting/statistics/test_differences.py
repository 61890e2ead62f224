"""What is paired with what, and what counts as no difference."""

from __future__ import annotations

import pytest

from stbench.reporting.statistics.differences import paired_differences, with_sign, without_rounding


def test_differences_below_a_billionth_are_zero():
    assert without_rounding([1e-17, -9.9e-10, 1.1e-9, 0.1]).tolist() == [0, 0, 1.1e-9, 0.1]
    assert with_sign([1e-17, -0.2, 0.0]).tolist() == [-0.2]


def test_units_are_paired_by_name_where_both_have_them():
    first, second = {"a": 0.3, "b": 0.1, "x": 1.0}, {"y": 0.0, "b": 0.1 + 1e-16, "a": 0.1}
    assert paired_differences(first, second) == [pytest.approx(0.2), 0.0]
