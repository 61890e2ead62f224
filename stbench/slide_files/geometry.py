"""What the places of its spots tell of a slide's platform, whatever files it came in.

ST arrays are square with 200 um between spots, Visium's are hexagonal with 100 um, Visium HD's bins are squares side
by side. The distance is the surest sign, then the spot's share of it, then the lattice that pixels and array form.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

Lattice = Literal["hexagonal", "square", ""]

PLATFORMS = ("ST", "Visium", "Visium HD", "Xenium")
UNKNOWN_PLATFORM = "unknown"
PITCH_MICRONS = {"ST": 200.0, "Visium": 100.0}
_TOLERANCE = 0.15
# Bins of Visium HD are of 2 um or a multiple; an array has 3,350 rows of them, and ST and Visium 128 at most.
_WIDEST_BIN = 64.0
_MOST_ROWS = 128
# Space Ranger's diameter of a spot over the distance of neighbours: 65 of 100 um; a bin is as wide as its distance.
_VISIUM_SHARE = (0.60, 0.70)
_BIN_SHARE = (0.95, 1.05)
# Neighbours are nearer than this many distances; the diagonal of a square is farther.
_NEAR = 1.25
_FEWEST_SPOTS, _FEWEST_ON_ARRAY = 7, 4
_LOOKED_AT = 2_000
_ORDERED, _NOT_ORDERED = 0.7, 0.4


class Geometry(NamedTuple):
    """How a slide's spots lie: the distance of neighbours in pixels (None for one spot), the lattice that their pixels
    form and the one that their array positions do ("" where they tell none), and the largest row or column."""

    pitch: float | None
    pixels: Lattice
    array: Lattice
    extent: int


def geometry_of(array_row_column: np.ndarray, pixel_xy: np.ndarray) -> Geometry:
    """The geometry of (n, 2) positions on the array and in the image."""
    pitch, lattice = _in_pixels(np.asarray(pixel_xy, dtype=float))
    places = np.asarray(array_row_column)
    extent = int((places.max(axis=0) - places.min(axis=0)).max()) + 1
    return Geometry(pitch, lattice, _on_array(places), extent)


def _in_pixels(xy: np.ndarray) -> tuple[float | None, Lattice]:
    """The distance of neighbours, the median over spots, and the lattice that they form."""
    from scipy.spatial import KDTree

    if len(xy) < 2:
        return None, ""
    some = xy[:: max(1, len(xy) // _LOOKED_AT)]
    # A spot itself is the nearest of the seven, and six are all neighbours that a lattice has.
    distances, neighbours = map(np.asarray, KDTree(xy).query(some, k=min(7, len(xy))))
    pitch = float(np.median(distances[:, 1]))
    if len(xy) < _FEWEST_SPOTS or pitch == 0:
        return pitch or None, ""
    near = distances[:, 1:] < _NEAR * pitch
    steps = (xy[neighbours[:, 1:]] - some[:, None])[near]
    return pitch, _lattice(np.arctan2(steps[:, 1], steps[:, 0]))


def _lattice(angles: np.ndarray) -> Lattice:
    """By how far the directions to neighbours repeat every 60 or every 90 degrees; along one line they do both."""
    if angles.size == 0:
        return ""
    sixfold, fourfold = (float(abs(np.exp(1j * fold * angles).mean())) for fold in (6, 4))
    if sixfold > _ORDERED and fourfold < _NOT_ORDERED:
        return "hexagonal"
    return "square" if fourfold > _ORDERED and sixfold < _NOT_ORDERED else ""


def _on_array(row_column: np.ndarray) -> Lattice:
    """Hexagonal arrays number every second column of a row; square ones all."""
    if len(row_column) < _FEWEST_ON_ARRAY:
        return ""
    odd = row_column.sum(axis=1) % 2
    if np.ptp(odd):
        return "square"
    return "hexagonal" if np.ptp(row_column[:, 0] % 2) else ""


def platform_of(
    geometry: Geometry, microns_per_pixel: float | None, spot_diameter: float | None = None
) -> tuple[str, str]:
    """The platform that a geometry is of, and what tells it in words; UNKNOWN_PLATFORM where nothing does.

    microns_per_pixel  as something states it, never as a platform's constant gives it
    spot_diameter      in pixels as Space Ranger writes it, None where nothing does
    """
    pitch = geometry.pitch
    if pitch is not None and microns_per_pixel is not None:
        microns = pitch * microns_per_pixel
        if found := _by_distance(microns, geometry):
            return found, f"neighbouring spots are {microns:.3g} um apart"
    if pitch is not None and spot_diameter is not None:
        share = spot_diameter / pitch
        if _VISIUM_SHARE[0] <= share <= _VISIUM_SHARE[1]:
            return "Visium", f"a spot is {share:.0%} of the distance of neighbours across"
        if _BIN_SHARE[0] <= share <= _BIN_SHARE[1] and "square" in (geometry.pixels, geometry.array):
            return "Visium HD", "square bins lie side by side"
    return _by_lattice(geometry)


def _by_distance(microns: float, geometry: Geometry) -> str:
    near = (name for name, known in PITCH_MICRONS.items() if abs(microns / known - 1) <= _TOLERANCE)
    if found := next(near, ""):
        return found
    is_square = "square" in (geometry.pixels, geometry.array)
    return "Visium HD" if microns <= _WIDEST_BIN * (1 + _TOLERANCE) and is_square else ""


def _by_lattice(geometry: Geometry) -> tuple[str, str]:
    """The pixels' lattice, else the array's: files may number a square array as they like."""
    for lattice, of in ((geometry.pixels, "spots"), (geometry.array, "array positions")):
        if lattice == "hexagonal":
            return "Visium", f"its {of} form a hexagonal lattice"
        if lattice == "square" and geometry.extent > _MOST_ROWS:
            return "Visium HD", f"its {of} form a square lattice of {geometry.extent} rows or columns"
        if lattice == "square":
            return "ST", f"its {of} form a square lattice"
    return UNKNOWN_PLATFORM, "its spots form no lattice of a known platform"
