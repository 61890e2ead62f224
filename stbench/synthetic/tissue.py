"""Where the regions of a section lie: tumour, stroma, immune aggregates and fat, in a blob of tissue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from .fields import smooth_field, standardised

REGIONS = ("tumour", "stroma", "immune", "fat")
TUMOUR, STROMA, IMMUNE, FAT = range(4)

# Maps are kept in cells of this many pixels; images are painted at full size from them.
CELL = 8
# Share of each region's size that is taken in turn: fat of the tissue, tumour and immune of what is left.
_FAT_SHARE, _TUMOUR_SHARE, _IMMUNE_SHARE = 0.15, 0.48, 0.30


@dataclass(frozen=True, eq=False)
class Tissue:
    """Maps of one section, (edge / CELL, edge / CELL) each.

    inside    True where there is tissue
    region    index into REGIONS
    crowding  how densely cells lie compared with the rest of their region (standard normal)
    fibres    phase of the stroma's fibres, constant along a fibre
    """

    edge: int
    inside: np.ndarray
    region: np.ndarray
    crowding: np.ndarray
    fibres: np.ndarray

    def share(self, region: int, pixel_xy: np.ndarray, radius: float) -> np.ndarray:
        """(n,) share of the tissue within about `radius` px of each position that is of `region`."""
        ours = self._around((self.region == region) & self.inside, radius)
        row, column = self.cells(pixel_xy)
        return ours[row, column] / np.maximum(self._around(self.inside, radius)[row, column], 1e-6)

    def coverage(self, pixel_xy: np.ndarray, radius: float) -> np.ndarray:
        """(n,) share of the surroundings of each position that is tissue."""
        return self._around(self.inside, radius)[self.cells(pixel_xy)]

    def cells(self, pixel_xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Row and column of each position (x, y in pixels) in the maps."""
        column, row = (np.clip(pixel_xy, 0, self.edge - 1) // CELL).astype(int).T
        return row, column

    @staticmethod
    def _around(mask: np.ndarray, radius: float) -> np.ndarray:
        return gaussian_filter(mask.astype(np.float32), radius / CELL / 2, mode="constant")


def grow_tissue(edge: int, patient: np.random.Generator, section: np.random.Generator) -> Tissue:
    """The tissue of one section: `patient` draws what its sections share, `section` what is its own."""
    cells = edge // CELL

    def field(scale: float, shared: float = 0.8) -> np.ndarray:
        common, own = smooth_field(patient, cells, scale / CELL), smooth_field(section, cells, scale / CELL)
        return standardised(shared * common + np.sqrt(1 - shared**2) * own)

    def ragged(scale: float) -> np.ndarray:
        return standardised(field(scale) + 0.22 * field(scale / 4))

    inside = _blob(cells, ragged(240))
    region = _regions(inside, ragged(150), ragged(130), ragged(100))
    septa = np.abs(field(48, shared=0.3)) < 0.15
    return Tissue(
        edge=edge,
        inside=inside,
        region=np.where((region == TUMOUR) & septa, STROMA, region),
        crowding=field(130, shared=0.3),
        fibres=_fibre_phase(cells, field(190), field(70, shared=0), patient.uniform(0, np.pi)),
    )


def _blob(cells: int, wobble: np.ndarray) -> np.ndarray:
    """A rounded square with a wavy outline that fills most of the image."""
    row, column = np.indices((cells, cells)) / (cells - 1) * 2 - 1
    return (row**4 + column**4) ** 0.25 < 0.945 + 0.03 * wobble - 0.16 * (row * column) ** 2


def _regions(inside: np.ndarray, tumour: np.ndarray, fat: np.ndarray, immune: np.ndarray) -> np.ndarray:
    """Fat away from tumour, then tumour, then immune aggregates beside the tumour; the rest is stroma.

    Shares are quantiles, so every section has every region.
    """
    region = np.full(inside.shape, STROMA)
    free = inside.copy()
    beside_tumour = np.exp(-((tumour - 0.2) ** 2))
    for index, score, share in (
        (FAT, fat - 0.5 * tumour, _FAT_SHARE),
        (TUMOUR, tumour, _TUMOUR_SHARE),
        (IMMUNE, immune + beside_tumour, _IMMUNE_SHARE),
    ):
        taken = free & (score > np.quantile(score[free], 1 - share))
        region[taken] = index
        free &= ~taken
    return region


def _fibre_phase(cells: int, swirl: np.ndarray, ripple: np.ndarray, angle: float) -> np.ndarray:
    """Distance across the fibres in pixels: a slanted plane, bent by smooth fields."""
    row, column = np.indices((cells, cells)) * CELL
    return np.cos(angle) * column + np.sin(angle) * row + 130 * swirl + 14 * ripple
