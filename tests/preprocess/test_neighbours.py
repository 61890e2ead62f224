"""Neighbour search against brute force: exactness, ties, duplicates, blocks, the array of a real slide."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

import stbench.preprocess.neighbours as neighbours
from stbench.errors import MethodError, UnknownName
from stbench.preprocess.neighbours import neighbour_positions, spatial_neighbours, top_k
from stbench.slide import QuerySlide

SCIPY_NAMES = {"cosine": "cosine", "l1": "cityblock", "l2": "euclidean"}
METRICS = sorted(SCIPY_NAMES)


def brute_force(query, bank, k, metric, exclude_self=False):
    """All distances in double precision by scipy, sorted by (distance, index)."""
    distances = cdist(query.astype(np.float64), bank.astype(np.float64), SCIPY_NAMES[metric])
    distances = np.round(np.where(np.isnan(distances), 1.0, distances), 9)
    if exclude_self:
        np.fill_diagonal(distances, np.inf)
    order = np.argsort(distances, axis=1, kind="stable")[:, : min(k, len(bank) - exclude_self)]
    return order, np.take_along_axis(distances, order, 1)


def assert_same(found, expected):
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_allclose(found[1], expected[1], atol=1e-8)


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(neighbours, "_QUERY_BLOCK", 7)
    monkeypatch.setattr(neighbours, "_BANK_BLOCK", 11)
    monkeypatch.setattr(neighbours, "_EXACT_BLOCK", 500)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("exclude_self", [False, True])
def test_equals_brute_force_over_several_blocks(metric, exclude_self, small_blocks):
    random = np.random.default_rng(0)
    bank = random.standard_normal((150, 12)).astype(np.float32)
    query = bank if exclude_self else random.standard_normal((33, 12)).astype(np.float32)
    assert_same(
        top_k(query, bank, 7, metric, exclude_self), brute_force(query, bank, 7, metric, exclude_self)
    )


@pytest.mark.parametrize("metric", METRICS)
def test_more_duplicates_than_candidates_come_in_bank_order(metric, small_blocks):
    random = np.random.default_rng(1)
    bank = random.standard_normal((200, 6)).astype(np.float32)
    bank[random.permutation(200)[:120]] = bank[0]
    query = np.concatenate([bank[:1], random.standard_normal((5, 6)).astype(np.float32)])
    indices, distances = top_k(query, bank, 9, metric)
    assert_same((indices, distances), brute_force(query, bank, 9, metric))
    assert (np.diff(indices[0]) > 0).all() and (distances[0] == 0).all()


@pytest.mark.parametrize("metric", METRICS)
def test_near_ties_that_single_precision_cannot_tell_apart(metric, small_blocks):
    """Rows differ from the query by a millionth: in single precision their products are one number."""
    random = np.random.default_rng(2)
    query = (random.standard_normal((3, 64)) + 10).astype(np.float32)
    bank = (query[0] + 1e-6 * random.integers(-9, 10, (300, 64))).astype(np.float32)
    indices, _ = top_k(query, bank, 5, metric)
    exact = cdist(query.astype(np.float64), bank.astype(np.float64), SCIPY_NAMES[metric])
    chosen = np.take_along_axis(exact, indices, 1)
    np.testing.assert_allclose(chosen, np.sort(exact, axis=1)[:, :5], rtol=1e-8, atol=2e-12)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), metric=st.sampled_from(METRICS), exclude_self=st.booleans())
def test_small_integer_grids_full_of_ties(data, metric, exclude_self):
    def grid(rows):
        values = st.lists(st.integers(-2, 2), min_size=3, max_size=3)
        return np.array(data.draw(st.lists(values, min_size=1, max_size=rows)), dtype=np.float32)

    bank = grid(60)
    query = bank if exclude_self else grid(5)
    k = data.draw(st.integers(1, 8))
    assert_same(
        top_k(query, bank, k, metric, exclude_self), brute_force(query, bank, k, metric, exclude_self)
    )


@pytest.mark.parametrize("metric", METRICS)
def test_zero_vectors_give_numbers(metric):
    bank = np.array([[0, 0], [1, 0], [0, 2]], dtype=np.float32)
    indices, distances = top_k(np.zeros((1, 2), dtype=np.float32), bank, 3, metric)
    expected = {"cosine": [1, 1, 1], "l1": [0, 1, 2], "l2": [0, 1, 2]}[metric]
    assert indices.tolist() == [[0, 1, 2]] and distances.tolist() == [expected]


def test_a_bank_smaller_than_k_gives_fewer_columns():
    bank = np.eye(4, dtype=np.float32)
    assert top_k(bank[:2], bank, 9)[0].shape == (2, 4)
    assert top_k(bank, bank, 9, exclude_self=True)[0].shape == (4, 3)
    assert top_k(bank[:1], bank[:1], 9, exclude_self=True)[0].shape == (1, 0)
    assert top_k(bank[:0], bank, 2)[0].shape == (0, 2)


def test_a_cosine_ignores_lengths_and_read_only_arrays_are_fine():
    bank = np.array([[3, 0], [0, 5], [1, 1]], dtype=np.float32)
    bank.flags.writeable = False
    indices, distances = top_k(100 * bank, bank, 1)
    assert indices.ravel().tolist() == [0, 1, 2] and (distances == 0).all()


def test_wrong_input_is_named():
    bank = np.eye(3, dtype=np.float32)
    with pytest.raises(MethodError, match=r"bank .* not finite"):
        top_k(bank, np.full_like(bank, np.nan), 1)
    with pytest.raises(UnknownName, match="cosin"):
        top_k(bank, bank, 1, "cosin")  # type: ignore[arg-type]


def nearest_spots(positions, array_row_column, k):
    """Each spot's others sorted by (distance, row, column), one spot at a time."""
    rows = []
    for i, position in enumerate(positions):
        distance = np.round(np.hypot(*(positions - position).T), 7)
        keys = [(distance[j], *array_row_column[j], j) for j in range(len(positions)) if j != i]
        rows.append([key[-1] for key in sorted(keys)[:k]])
    return np.array(rows, dtype=np.int64).reshape(len(positions), min(k, len(positions) - 1))


def test_neighbours_on_the_array_of_a_real_slide(shared_data):
    spots = pd.read_csv(shared_data / "her2st/data/ST-spotfiles/C2_selection.tsv", sep="\t")
    array = spots[["y", "x"]].to_numpy()
    found = spatial_neighbours(array, array, 5)
    np.testing.assert_array_equal(found, nearest_spots(array, array, 5))
    fifth, sixth = (np.hypot(*(array - array[spatial_neighbours(array, array, 6)[:, i]]).T) for i in (4, 5))
    assert (fifth == sixth).mean() > 0.5, "on an array most spots tie for the fifth neighbour"
    pixels = spots[["pixel_x", "pixel_y"]].to_numpy()
    np.testing.assert_array_equal(spatial_neighbours(pixels, array, 5), nearest_spots(pixels, array, 5))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=40, unique=True),
    st.integers(1, 9),
    st.sampled_from([1.0, 0.1, 137.3]),
    st.randoms(use_true_random=False),
)
def test_neighbours_do_not_depend_on_the_order_of_spots(spots, k, pitch, random):
    array = np.array(spots)
    found = spatial_neighbours(array * pitch, array, k)
    np.testing.assert_array_equal(found, nearest_spots(array * pitch, array, k))
    order = np.array(random.sample(range(len(spots)), len(spots)))
    shuffled = spatial_neighbours(array[order] * pitch, array[order], k)
    np.testing.assert_array_equal(order[shuffled], found[order])


def test_many_spots_at_one_place_and_a_slide_of_one_spot():
    array = np.stack(np.divmod(np.random.default_rng(0).permutation(64), 8), axis=1)
    one_place = np.zeros((64, 2))
    found = spatial_neighbours(one_place, array, 5)
    np.testing.assert_array_equal(found, nearest_spots(one_place, array, 5))
    assert spatial_neighbours(array[:1], array[:1], 5).shape == (1, 0)


def test_positions_are_array_units_on_st_and_pixels_elsewhere():
    pixels, array = np.array([[10.0, 20.0]]), np.array([[3, 4]])
    for platform, expected in (("ST", array), ("Visium", pixels)):
        slide = QuerySlide(id="q", platform=platform, pixel_xy=pixels, array_row_column=array)
        assert neighbour_positions(slide) is expected
