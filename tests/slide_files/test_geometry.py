"""The platform that a slide's geometry is of, on lattices drawn by hand, turned, thinned and jittered."""

from __future__ import annotations

import numpy as np
import pytest

from stbench.slide_files.geometry import UNKNOWN_PLATFORM, geometry_of, platform_of


def square(n: int = 12, pitch: float = 50.0, start: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns, and pixels x, y, of a square array."""
    array = np.stack(np.meshgrid(np.arange(n), np.arange(n), indexing="ij"), axis=-1).reshape(-1, 2) + start
    return array, array[:, ::-1] * pitch


def hexagonal(n: int = 12, pitch: float = 50.0) -> tuple[np.ndarray, np.ndarray]:
    """As Visium numbers it: every second column of a row; rows lie sin 60 degrees of the distance apart."""
    array = np.array([(row, 2 * k + row % 2) for row in range(n) for k in range(n)])
    return array, np.c_[array[:, 1] * pitch / 2, array[:, 0] * pitch * np.sqrt(3) / 2]


def turned(xy: np.ndarray, degrees: float) -> np.ndarray:
    sine, cosine = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    return xy @ np.array([[cosine, sine], [-sine, cosine]])


@pytest.mark.parametrize("pitch", [11.0, 137.5])
@pytest.mark.parametrize("degrees", [0, 17, 45, 90, 200])
def test_lattices_are_told_at_any_angle_thinned_and_jittered(pitch: float, degrees: float):
    rng = np.random.default_rng(0)
    for lattice, (array, xy) in (("square", square(pitch=pitch)), ("hexagonal", hexagonal(pitch=pitch))):
        kept = rng.random(len(xy)) < 0.8
        jittered = turned(xy, degrees)[kept] + rng.normal(0, 0.03 * pitch, (kept.sum(), 2))
        found = geometry_of(array[kept], jittered)
        assert (found.pixels, found.array) == (lattice, lattice)
        assert found.pitch == pytest.approx(pitch, rel=0.1)


@pytest.mark.parametrize(
    ("places", "microns", "platform"),
    [
        (square(pitch=60), 200 / 60, "ST"),
        (square(pitch=60), 8 / 60, "Visium HD"),
        (square(pitch=7), 2 / 7, "Visium HD"),
        (hexagonal(pitch=60), 100 / 60, "Visium"),
        (square(pitch=60), 100 / 60, "Visium"),  # Visium whose array was renumbered and straightened
        (hexagonal(pitch=60), 200 / 60, "ST"),
    ],
)
def test_a_stated_distance_is_the_surest_sign(places, microns: float, platform: str):
    assert platform_of(geometry_of(*places), microns)[0] == platform


def test_without_a_scale_the_lattice_tells():
    assert platform_of(geometry_of(*square()), None)[0] == "ST"
    assert platform_of(geometry_of(*hexagonal()), None)[0] == "Visium"
    assert platform_of(geometry_of(*square(n=130)), None)[0] == "Visium HD"
    array, _ = hexagonal()
    assert platform_of(geometry_of(array, square()[1]), None)[0] == "ST"  # numbers say little, places more
    assert platform_of(geometry_of(square()[0], hexagonal()[1]), None)[0] == "Visium"


def test_the_size_of_a_spot_tells_before_the_lattice():
    """Space Ranger writes 65 of 100 um for a spot of Visium, and the whole distance for a bin of Visium HD."""
    geometry = geometry_of(*square(pitch=60))
    assert platform_of(geometry, None, 39.0)[0] == "Visium"
    assert platform_of(geometry, None, 60.0)[0] == "Visium HD"
    assert platform_of(geometry, None, 30.0)[0] == "ST"


def test_few_spots_are_told_by_the_array_alone_and_places_without_order_by_nothing():
    array = np.array([(0, 0), (0, 4), (1, 1), (5, 3)])
    assert platform_of(geometry_of(array, array * 31.0), None)[0] == "Visium"
    places = np.random.default_rng(1).random((300, 2)) * 1_000
    row = np.zeros((300, 2), dtype=int)
    platform, words = platform_of(geometry_of(row, places), 0.5)
    assert platform == UNKNOWN_PLATFORM and "no lattice" in words
    assert geometry_of(row[:1], places[:1]).pitch is None
    assert platform_of(geometry_of(row[:1], places[:1]), 0.5)[0] == UNKNOWN_PLATFORM


def test_a_line_of_spots_is_no_lattice():
    line = np.c_[np.zeros(20, dtype=int), np.arange(20)]
    assert geometry_of(line, line[:, ::-1] * 40.0).pixels == ""
