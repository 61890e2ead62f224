"""Rows and columns told from positions alone: generated lattices, turned and with gaps, and real arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stbench.slide_files.lattice import lattice_rows_columns
from stbench.slide_files.spot_tables import read_selection, read_spot_table


def lattice(kind: str, n_rows: int, n_columns: int) -> tuple[np.ndarray, np.ndarray]:
    """(n, 2) rows and columns as the platform counts them, and (n, 2) x, y at a distance of 1 between neighbours."""
    rows, columns = (index.ravel() for index in np.mgrid[:n_rows, :n_columns])
    if kind == "hexagonal":
        columns = 2 * columns + rows % 2
        return np.c_[rows, columns], np.c_[columns / 2, rows * np.sqrt(3) / 2]
    return np.c_[rows, columns], np.c_[columns, rows].astype(float)


@settings(max_examples=30)
@given(
    kind=st.sampled_from(["hexagonal", "square"]),
    pitch=st.floats(5, 300),
    degrees=st.floats(-12, 12),
    seed=st.integers(0, 1_000),
)
def test_generated_lattices_are_counted_as_they_were_made(kind: str, pitch: float, degrees: float, seed: int):
    random = np.random.default_rng(seed)
    places, xy = lattice(kind, 20, 15)
    turn = np.deg2rad(degrees)
    xy = pitch * xy @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) + 1_000
    xy += random.normal(0, 0.02 * pitch, xy.shape)
    kept = random.random(len(xy)) < 0.85
    found = lattice_rows_columns(xy[kept])
    assert found is not None and found.kind == kind
    difference = found.row_column - places[kept]
    assert (difference == difference[0]).all()
    assert found.row_column.min() >= 0
    if kind == "hexagonal":
        assert (found.row_column.sum(axis=1) % 2 == 0).all()


@pytest.mark.parametrize(
    "xy",
    [
        np.random.default_rng(1).random((400, 2)) * 1_000,
        np.c_[np.arange(20.0), np.zeros(20)],
        np.zeros((20, 2)),
        np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]),
    ],
)
def test_spots_without_order_on_one_line_on_one_point_or_too_few_form_none(xy: np.ndarray):
    assert lattice_rows_columns(xy) is None


def test_real_arrays_are_counted_as_their_files_do(shared_data: Path):
    files = [
        *sorted((shared_data / "her2st").rglob("*_selection.tsv"))[::6],
        *(shared_data / "mob_stahl").rglob("*_spots.tsv"),
    ]
    for file in files:
        positions = (read_selection if file.name.endswith("_selection.tsv") else read_spot_table)(file)
        found = lattice_rows_columns(positions.pixel_xy)
        assert found is not None and found.kind == "square", file
        difference = found.row_column - positions.array_row_column
        assert (difference == difference[0]).all(), file
