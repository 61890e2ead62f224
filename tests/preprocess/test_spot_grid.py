"""Grids of spots, against places worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from stbench.preprocess.spot_grid import arrays_of, diameter, lay_grid, pitch, within_array


def test_squares_on_st():
    grid = lay_grid(400, 200, 100.0, "ST")
    assert grid.array_row_column.tolist() == [[r, c] for r in range(2) for c in range(4)]
    assert grid.pixel_xy[0].tolist() == [50.0, 50.0] and grid.pixel_xy[-1].tolist() == [350.0, 150.0]


def test_every_second_place_elsewhere_and_all_neighbours_as_far():
    grid = lay_grid(1000, 1000, 100.0, "Visium")
    assert (grid.array_row_column.sum(axis=1) % 2 == 0).all()
    apart = np.linalg.norm(grid.pixel_xy[:, None] - grid.pixel_xy[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    np.testing.assert_allclose(apart.min(axis=1), 100.0)
    inside = ((grid.pixel_xy > 150) & (grid.pixel_xy < 850)).all(axis=1)
    assert (np.isclose(apart[inside], 100.0).sum(axis=1) == 6).all()


@pytest.mark.parametrize("platform", ["ST", "Visium"])
def test_no_place_lies_outside(platform):
    grid = lay_grid(733, 1271, 97.0, platform)
    assert (grid.pixel_xy >= 0).all() and (grid.pixel_xy < (733, 1271)).all()


def test_a_large_grid_is_several_arrays():
    rows_columns = lay_grid(200 * 10, 70 * 10, 10.0, "ST").array_row_column  # 70 rows, 200 columns
    regions = arrays_of(rows_columns, "ST")
    assert len(regions) == 2 * 4 and sorted(np.concatenate(regions).tolist()) == list(
        range(len(rows_columns))
    )
    for region in regions:
        own = within_array(rows_columns, "ST")[region]
        assert own.min() >= 0 and own.max() < 64 and len(np.unique(own, axis=0)) == len(region)


@pytest.mark.parametrize("platform", ["ST", "Visium"])
def test_the_pitch_is_found_though_spots_lie_off_their_places(platform):
    grid = lay_grid(4000, 4000, 200.0, platform)
    moved = grid.pixel_xy + np.random.default_rng(0).normal(0, 6, grid.pixel_xy.shape)
    assert pitch(moved, grid.array_row_column) == pytest.approx(200, rel=0.005)


def test_diameters_are_the_platforms_own():
    assert diameter(200, "ST") == 100 and diameter(100, "Visium") == pytest.approx(55)
