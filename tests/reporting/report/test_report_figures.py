"""Names beside a figure: none covers another, and the longest has room."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reporting.report.paper_rows import board, rows

from stbench.reporting.report.figures import correlations, cost
from stbench.reporting.report.figures.cost import spread_out
from stbench.reporting.report.sections.correlations import correlations_section
from stbench.reporting.report.sections.cost import Point, cost_section


@given(st.lists(st.floats(0, 1), min_size=1, max_size=25))
def test_names_keep_their_order_and_their_distance(heights):
    placed = spread_out(sorted(heights))
    assert all(b - a >= 0.04 - 1e-9 for a, b in itertools.pairwise(placed))
    assert max(placed) <= 1


def test_names_with_room_stay_where_their_marks_are():
    assert spread_out([0.1, 0.5, 0.9]) == [0.1, 0.5, 0.9]
    assert spread_out([0.5, 0.5, 0.51]) == pytest.approx([0.5, 0.54, 0.58])
    assert spread_out([0.99, 1.0]) == pytest.approx([0.96, 1.0])


def test_every_name_of_a_printed_figure_lies_inside_it():
    longest = "spahgc (published settings, cross_metric=l1, mask=0.8, second_view=frozen)"
    points = [*cost_section(board(*rows())).by_time, Point(longest, "method", 0.41, 9.0, False)]
    figure = cost.printed(points, cost.TIME)
    figure.canvas.draw()  # lays it out
    (axis,) = figure.axes
    names = [text for text in axis.texts if text.get_text()]
    assert {name.get_text() for name in names} == {point.label for point in points}
    width = figure.bbox.width
    assert all(name.get_window_extent().x0 >= 0 and name.get_window_extent().x1 <= width for name in names)
    assert correlations.printed(correlations_section(board(*rows()))).get_figwidth() > 5
