"""A slide refuses parts that contradict each other; its two narrow views hold no more than they may."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest
from scipy import sparse
from tiny_slides import GRID, N_GENES, make_slide

from stbench.errors import DatasetError
from stbench.slide import QuerySlide, TrainingSlide

N = GRID**2


def test_totals_are_sums_over_all_genes(tmp_path):
    slide = make_slide(tmp_path, "S1", "A", 0)
    assert slide.n_spots == N
    np.testing.assert_array_equal(slide.totals, slide.counts.toarray().sum(axis=1))
    assert slide.totals.dtype == np.int64


def _with_count(value: float) -> sparse.csr_matrix:
    counts = np.ones((N, N_GENES))
    counts[4, 2] = value
    return sparse.csr_matrix(counts)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"spot_ids": (), "counts": sparse.csr_matrix((0, N_GENES))}, "no spots"),
        ({"spot_ids": ("1x1",) * N}, "names a spot twice"),
        (
            {"spot_ids": ("a\0", *map(str, range(N - 1)))},
            r"a spot called 'a\\x00', which holds a NUL character",
        ),
        ({"genes": ("g\udcff", *map(str, range(N_GENES - 1)))}, "a gene called .* bytes that are no text"),
        ({"genes": ("G1",) * N_GENES}, "names a gene twice"),
        ({"counts": sparse.csr_matrix((N, 2))}, rf"\({N}, 2\) for {N} spots and {N_GENES} genes"),
        ({"counts": _with_count(-1)}, "negative or no whole numbers"),
        ({"counts": _with_count(0.5)}, "negative or no whole numbers"),
        ({"counts": _with_count(np.nan)}, "negative or no whole numbers"),
        ({"pixel_xy": np.zeros((N, 3))}, "pixel_xy"),
        ({"pixel_xy": np.full((N, 2), np.nan)}, "pixel_xy"),
        ({"array_row_column": np.zeros((N - 1, 2))}, "array_row_column"),
        ({"annotation": np.array(["fat"])}, f"1 labels for {N} spots"),
        ({"microns_per_pixel": 0.0}, "microns per pixel"),
    ],
)
def test_parts_that_contradict_each_other_are_refused_and_the_slide_is_named(tmp_path, changes, words):
    with pytest.raises(DatasetError, match=words) as error:
        make_slide(tmp_path, "S7", "A", 0, **changes)
    assert "S7" in str(error.value)


def test_slides_are_frozen(tmp_path):
    with pytest.raises(FrozenInstanceError):
        make_slide(tmp_path, "S1", "A", 0).patient = "B"


def test_a_query_holds_nothing_but_what_image_and_positions_tell():
    assert {f.name for f in fields(QuerySlide)} == {
        "id", "platform", "pixel_xy", "array_row_column", "microns_per_pixel", "embeddings", "patches",
    }  # fmt: skip


def test_a_training_slide_holds_no_file_patient_or_annotation():
    names = {f.name for f in fields(TrainingSlide)}
    assert not names & {"image", "patient", "annotation", "counts", "spot_ids", "genes"}
    assert {"group", "expression", "panel_counts", "totals", "size_factors"} <= names
