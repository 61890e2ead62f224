"""Where the nuclei lie: each region has its own spacing, and crowding thins or fills it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial import KDTree

from .tissue import CELL, FAT, IMMUNE, STROMA, TUMOUR, Tissue

# Pixels between neighbouring places that a nucleus may take, and the share of places taken, per region.
_SPACING = {TUMOUR: (19, 0.78), STROMA: (30, 0.42), IMMUNE: (12, 0.80), FAT: (26, 0.85)}
# Lymphocytes scattered through the other regions.
_SCATTERED = (34, 0.10)
ADIPOCYTE = 82  # pixels across a fat cell
MEMBRANE = 7.0  # pixels across the wall between two fat cells


class Nuclei(NamedTuple):
    """xy (n, 2) centres in pixels; kind (n,) the region it looks typical of; angle (n,) in radians."""

    xy: np.ndarray
    kind: np.ndarray
    angle: np.ndarray

    def within(self, pixel_xy: np.ndarray, radius: float) -> np.ndarray:
        """(m,) number of nuclei within `radius` px of each position."""
        return KDTree(self.xy).query_ball_point(pixel_xy, radius, return_length=True)


def place_nuclei(tissue: Tissue, fat_cells: np.ndarray, rng: np.random.Generator) -> Nuclei:
    """Nuclei of all regions; those of fat lie in the walls between `fat_cells` (centres, x and y)."""
    filling = np.clip(1 + 0.3 * tissue.crowding, 0.15, 1.4)
    found = []
    for kind, (spacing, share) in _SPACING.items():
        xy = jittered_grid(tissue.edge, spacing, 0.42, rng)
        taken = (tissue.region[tissue.cells(xy)] == kind) & (
            rng.random(len(xy)) < share * _at(filling, tissue, xy)
        )
        if kind == FAT:
            taken[taken] = wall_distance(fat_cells, xy[taken]) < MEMBRANE
        found.append((xy[taken], kind))
    xy = jittered_grid(tissue.edge, _SCATTERED[0], 0.5, rng)
    scattered = (tissue.region[tissue.cells(xy)] != FAT) & (rng.random(len(xy)) < _SCATTERED[1])
    found.append((xy[scattered], IMMUNE))
    xy = np.concatenate([part for part, _ in found])
    kind = np.concatenate([np.full(len(part), kind) for part, kind in found])
    inside = tissue.inside[tissue.cells(xy)]
    return _with_angles(xy[inside], kind[inside], tissue, rng)


def _at(field: np.ndarray, tissue: Tissue, xy: np.ndarray) -> np.ndarray:
    return field[tissue.cells(xy)]


def _with_angles(xy: np.ndarray, kind: np.ndarray, tissue: Tissue, rng: np.random.Generator) -> Nuclei:
    """Spindle nuclei of the stroma lie along the fibres, all others anyhow."""
    along_row, along_column = np.gradient(tissue.fibres, CELL)
    fibre = np.arctan2(along_row, along_column) + np.pi / 2
    angle = rng.uniform(0, np.pi, len(xy))
    stroma = kind == STROMA
    angle[stroma] = _at(fibre, tissue, xy[stroma]) + rng.normal(0, 0.25, stroma.sum())
    return Nuclei(xy, kind, angle)


def jittered_grid(edge: int, spacing: float, jitter: float, rng: np.random.Generator) -> np.ndarray:
    """(n, 2) positions on a hexagon-like grid over the image, each shifted by about `jitter` spacings."""
    row, column = np.indices((int(edge / spacing) + 1,) * 2)
    xy = np.stack([(column + 0.5 * (row % 2)).ravel(), row.ravel()], axis=1) * spacing
    xy = xy + rng.uniform(-jitter, jitter, xy.shape) * spacing
    return xy[((xy >= 0) & (xy < edge)).all(axis=1)]


def wall_distance(fat_cells: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """How much farther the second nearest fat cell's centre is than the nearest: 0 on their wall."""
    distance, _ = KDTree(fat_cells).query(xy, k=2)
    return distance[:, 1] - distance[:, 0]
