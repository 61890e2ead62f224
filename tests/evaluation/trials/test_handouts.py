"""Slides as a trial is handed them: the numbers of the cached files, which nobody can change or trace."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy

from stbench.evaluation.trials import handouts
from stbench.evaluation.trials.handouts import Handout, MappedArray
from stbench.slide import QuerySlide, TrainingSlide


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("a-name-to-look-for")


def saved(folder: Path, array: np.ndarray, name: str = "cached.npy") -> MappedArray:
    np.save(folder / name, array)
    return MappedArray.of(np.load(folder / name, mmap_mode="r"))


@given(of_numpy.arrays(st.sampled_from([np.float32, np.uint8, np.int64]), of_numpy.array_shapes(max_side=5)))
def test_a_mapped_array_is_the_cached_one(folder, array):
    opened = saved(folder, array).open()
    assert (opened.dtype, opened.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(opened, array)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_any_order_and_version_of_a_file_is_mapped(tmp_path, order, version):
    array = np.asarray(np.arange(12, dtype=np.float32).reshape(3, 4), order=order)
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array(file, array, version)
    np.testing.assert_array_equal(MappedArray(tmp_path / "a.npy").open(), array)


def test_only_the_rows_that_count_are_handed_out(tmp_path):
    array = np.arange(12.0).reshape(4, 3)
    kept = np.array([True, False, True, True])
    mapped = saved(tmp_path, array)._replace(rows=kept)
    opened = mapped.open()
    np.testing.assert_array_equal(opened, array[kept])
    with pytest.raises(ValueError):
        opened[0, 0] = 1


def test_a_mapped_array_is_read_only_and_what_is_written_all_the_same_stays_out_of_the_file(tmp_path):
    array = np.zeros((3, 2), np.float32)
    opened = saved(tmp_path, array).open()
    with pytest.raises(ValueError):
        opened[0, 0] = 1
    opened.ctypes.data_as(__import__("ctypes").POINTER(__import__("ctypes").c_float))[0] = 5.0
    assert opened[0, 0] == 5
    np.testing.assert_array_equal(np.load(tmp_path / "cached.npy"), array)


def reachable(start: object) -> list[object]:
    """Everything plain that an object leads to: by attributes, and by what holds what."""
    found: dict[int, object] = {}
    waiting = [start]
    while waiting:
        value = waiting.pop()
        if id(value) in found or isinstance(value, type):
            continue
        found[id(value)] = value
        waiting += [getattr(value, name) for name in ("base", "obj", "__dict__") if hasattr(value, name)]
        waiting += gc.get_referents(value) if isinstance(value, (np.ndarray, memoryview, dict, tuple)) else []
    return list(found.values())


def test_no_file_name_can_be_reached_from_a_handed_out_slide(folder):
    mapped = saved(folder, np.ones((2, 3), np.float32))
    small: Any = {"pixel_xy": np.zeros((2, 2)), "array_row_column": np.zeros((2, 2), int)}
    facts = {"id": "query-0", "platform": "ST", "microns_per_pixel": None}
    slide = Handout(False, facts, small, mapped, {32: mapped}).open()
    assert isinstance(slide, QuerySlide)
    assert not any(folder.name in repr(value) for value in reachable(slide) if isinstance(value, (str, Path)))
    assert not any(isinstance(value, np.memmap) for value in reachable(slide))


def test_handouts_are_the_same_after_a_journey(folder):
    mapped = saved(folder, np.arange(6, dtype=np.float32).reshape(3, 2))._replace(
        rows=np.array([True, False, True])
    )
    places = {"pixel_xy": np.arange(4.0).reshape(2, 2), "array_row_column": np.arange(4).reshape(2, 2)}
    names = ("expression", "panel_counts", "totals", "size_factors")
    measured = {name: np.full((2, 3), float(i)) for i, name in enumerate(names)}
    trains = Handout(
        True,
        {"id": "A", "group": "A", "platform": "ST", "microns_per_pixel": 0.5},
        places | measured,
        mapped,
        {16: mapped},
        saved(folder, np.arange(3.0), "gram.npy"),
    )
    asks = Handout(False, {"id": "query-0", "platform": "ST", "microns_per_pixel": None}, places)
    plain, arrays = handouts.packed([trains, asks])
    training, query = (handout.open() for handout in handouts.unpacked(plain, arrays))
    assert isinstance(training, TrainingSlide) and isinstance(query, QuerySlide)
    assert (training.id, training.group, training.microns_per_pixel, training.n_spots) == ("A", "A", 0.5, 2)
    assert query.embeddings is None and query.patches == {}
    np.testing.assert_array_equal(training.embeddings, [[0, 1], [4, 5]])
    np.testing.assert_array_equal(training.gram, np.arange(3.0))  # type: ignore[arg-type]
    np.testing.assert_array_equal(training.patches[16], [[0, 1], [4, 5]])
    for name, array in (places | measured).items():
        found = getattr(training, name)
        np.testing.assert_array_equal(found, array)
        assert not found.flags.writeable
