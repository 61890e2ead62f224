"""Patches as batches, positions as indices, long inputs in pieces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from stbench.errors import MethodError
from stbench.nn.grid_embedding import GridEmbedding, grid_columns_rows, table_size
from stbench.nn.spot_patches import as_images, imagenet_normalised, spot_patches
from stbench.nn.streaming import in_pieces
from stbench.slide import QuerySlide


def slide(n: int = 5, edge: int = 8, platform: str = "ST") -> QuerySlide:
    random = np.random.default_rng(n)
    array = np.stack([np.arange(n), 10 + np.arange(n)], axis=1)  # row, column
    patches = random.integers(0, 256, (n, edge, edge, 3), dtype=np.uint8)
    return QuerySlide("query", platform, 100.0 * array[:, ::-1], array, patches={edge: patches})


def test_patches_of_several_slides_follow_each_other():
    joined = spot_patches([slide(2), slide(3)], 8)
    assert joined.dtype == torch.uint8
    np.testing.assert_array_equal(joined[2:], slide(3).patches[8])
    with pytest.raises(MethodError, match=r"needs\.patches must name 16"):
        spot_patches([slide(2)], 16)


def test_images_are_channels_first_and_normalised_by_imagenets_statistics():
    patches = spot_patches([slide(1)], 8)
    assert as_images(patches)[0, 2, 3, 4].item() == patches[0, 3, 4, 2].item()
    found = imagenet_normalised(patches)[0, 1, 3, 4].item()
    assert found == pytest.approx((patches[0, 3, 4, 1].item() / 255 - 0.456) / 0.224, rel=1e-5)


def test_columns_are_x_and_rows_are_y():
    indices = grid_columns_rows(slide(3), table_size("ST"))
    assert indices.tolist() == [[10, 0], [11, 1], [12, 2]]
    embedding = GridEmbedding(64, 4)
    column, row = embedding(torch.tensor(indices))
    assert torch.equal(column[1], embedding.column.weight[11]) and torch.equal(
        row[1], embedding.row.weight[1]
    )


def test_a_position_outside_the_tables_is_refused():
    with pytest.raises(MethodError, match="n_pos to at least 15"):
        grid_columns_rows(slide(5), 12)
    assert table_size("Visium") == 128


def test_a_negative_position_is_refused_and_no_larger_table_proposed():
    """Rows from -1 to 1, columns from 10 to 12."""
    below = replace(slide(3), array_row_column=slide(3).array_row_column - [1, 0])
    with pytest.raises(MethodError, match=r"from -1 to 12.*must start at 0 or above") as refusal:
        grid_columns_rows(below, 64)
    assert "n_pos" not in str(refusal.value)


def test_a_slide_without_spots_has_no_positions():
    indices = grid_columns_rows(slide(0), 64)
    assert indices.shape == (0, 2) and indices.dtype == np.int64


def test_pieces_are_joined_in_order():
    rows = torch.arange(10.0).view(10, 1)
    np.testing.assert_array_equal(in_pieces(lambda a, b: a + b, rows, rows, size=3), 2 * rows)
