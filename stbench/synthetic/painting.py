"""The H&E image: optical densities of haematoxylin and eosin, turned into colour by the Beer-Lambert law.

Reference stain colours after Macenko et al. 2009 (A method for normalizing histology slides).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from .fields import enlarged, grain, standardised, tiled
from .nuclei import MEMBRANE, Nuclei, wall_distance
from .tissue import FAT, IMMUNE, STROMA, TUMOUR, Tissue

# Optical density of one unit of stain in red, green and blue.
HAEMATOXYLIN = np.array([0.5626, 0.7201, 0.4062])
EOSIN = np.array([0.2159, 0.8012, 0.5581])
# Half length, half width (px), stain of the body and how much the rim is darker, per kind of nucleus.
_SHAPES = {
    TUMOUR: (9.0, 7.2, 0.92, 0.45),
    STROMA: (10.5, 2.9, 1.10, 0.10),
    IMMUNE: (5.2, 4.8, 1.45, 0.05),
    FAT: (6.5, 2.4, 1.10, 0.00),
}
_VARIANTS, _ANGLES, _REACH = 8, 24, 16


@dataclass(frozen=True)
class Staining:
    """How strongly a slide took up each stain, and how its colours are shifted."""

    haematoxylin: float = 1.0
    eosin: float = 1.0
    hue: tuple[float, float, float] = (0.0, 0.0, 0.0)


def paint(
    tissue: Tissue, nuclei: Nuclei, fat_cells: np.ndarray, staining: Staining, rng: np.random.Generator
) -> np.ndarray:
    """(edge, edge, 3) uint8 image of the section on a white background."""
    weights = {kind: _softly(tissue, tissue.region == kind) for kind in _SHAPES}
    mask = np.clip(_softly(tissue, tissue.inside) * 2.4 - 0.7, 0, 1)
    fine, medium = tiled(grain(rng, 640, (1, 2, 4)), tissue.edge), grain(rng, tissue.edge, (6, 12, 24))
    eosin, haematoxylin = _ground(tissue, weights, fine, medium, rng)
    stain = _nuclei_stain(nuclei, tissue.edge, rng)
    haematoxylin = np.maximum(haematoxylin, stain)
    eosin *= 1 - 0.5 * np.minimum(stain, 1)  # nuclei take up little eosin
    solid = 1 - _vacuoles(tissue, fat_cells, weights[FAT])
    return _colours(haematoxylin * mask * solid, eosin * mask * solid, staining)


def _softly(tissue: Tissue, mask: np.ndarray) -> np.ndarray:
    """A map's mask at full size with soft edges."""
    return enlarged(gaussian_filter(mask.astype(np.float32), 1.5), tissue.edge)


def _ground(
    tissue: Tissue,
    weights: dict[int, np.ndarray],
    fine: np.ndarray,
    medium: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Eosin and haematoxylin between the nuclei: cytoplasm, fibres, clefts."""
    fibres = _fibres(tissue, medium, rng)
    eosin = (
        weights[TUMOUR] * (0.46 + 0.07 * medium)
        + weights[STROMA] * (0.44 + 0.17 * fibres + 0.08 * medium)
        + weights[IMMUNE] * (0.30 + 0.06 * medium)
        + weights[FAT] * 0.42
    )
    haematoxylin = weights[TUMOUR] * 0.17 + weights[IMMUNE] * 0.16 + weights[STROMA] * 0.03 + 0.01
    # Pale clefts between bundles of fibres, wider where the tissue is loose.
    cleft = weights[STROMA] * np.clip(-0.7 * fibres - 0.9 * medium - 1.5, 0, 0.85)
    shade = (1 + 0.10 * fine) * (1 - cleft)
    return np.clip(eosin, 0.05, None) * shade, haematoxylin * shade


def _fibres(tissue: Tissue, medium: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Wavy bands across the stroma, about standard normal: one random profile read by the fibres' phase."""
    phase = enlarged(tissue.fibres, tissue.edge) + 4 * medium
    phase -= phase.min()
    white = rng.standard_normal(int(phase.max()) + 2)
    profile = standardised(gaussian_filter(white, 1.6)) + 0.6 * standardised(gaussian_filter(white, 6))
    return standardised(profile.astype(np.float32))[phase.astype(np.int32)]


def _vacuoles(tissue: Tissue, fat_cells: np.ndarray, fat: np.ndarray) -> np.ndarray:
    """1 inside a fat cell's drop of fat, 0 in its wall and in other regions."""
    half = tissue.edge // 2
    row, column = np.nonzero(fat[::2, ::2] > 0.02)
    openness = np.zeros((half, half), np.float32)
    gap = wall_distance(fat_cells, np.stack([column, row], axis=1) * 2.0)
    openness[row, column] = gap > 1.2 * MEMBRANE
    rounded = np.clip((gaussian_filter(openness, 2.5) - 0.6) * 8, 0, 1)
    return enlarged(rounded, tissue.edge) * np.clip(fat * 3 - 1, 0, 1)


def _nuclei_stain(nuclei: Nuclei, edge: int, rng: np.random.Generator) -> np.ndarray:
    """Haematoxylin of all nuclei: each one is stamped from a small stock of drawn shapes."""
    stock = {kind: _stamps(kind, rng) for kind in _SHAPES}
    canvas = np.zeros((edge + 2 * _REACH,) * 2, np.float32)
    column, row = np.rint(nuclei.xy).astype(int).T
    turn = np.rint(nuclei.angle / np.pi * _ANGLES).astype(int) % _ANGLES
    variant = rng.integers(_VARIANTS, size=len(row))
    for y, x, kind, shape, angle in zip(row, column, nuclei.kind, variant, turn, strict=True):
        place = canvas[y : y + 2 * _REACH + 1, x : x + 2 * _REACH + 1]
        np.maximum(place, stock[kind][shape, angle][: place.shape[0], : place.shape[1]], out=place)
    return canvas[_REACH:-_REACH, _REACH:-_REACH]


def _stamps(kind: int, rng: np.random.Generator) -> np.ndarray:
    """(variants, angles, side, side) stain of nuclei: soft ellipses with rim, chromatin and nucleoli."""
    length, width, body, rim = _SHAPES[kind]
    axis = np.arange(-_REACH, _REACH + 1, dtype=np.float32)
    y, x = np.meshgrid(axis, axis, indexing="ij")
    angle = (np.arange(_ANGLES) * np.pi / _ANGLES)[:, None, None]
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    stamps = []
    for _ in range(_VARIANTS):
        size = np.exp(rng.normal(0, 0.13, 2))
        radius = np.hypot(along / (length * size[0]), across / (width * size[1]))
        chromatin = standardised(gaussian_filter(rng.standard_normal(x.shape), 1.2))
        stain = body * np.exp(rng.normal(0, 0.12)) * (1 + 0.13 * chromatin + rim * np.clip(radius, 0, 1) ** 4)
        if kind == TUMOUR:
            dx, dy = rng.uniform(-3, 3, 2)
            stain = stain + 0.8 * np.exp(-((x - dx) ** 2 + (y - dy) ** 2) / 2.5)
        stamps.append(stain * np.clip((1.12 - radius) * width / 1.6, 0, 1))
    return np.stack(stamps).astype(np.float32)


def _colours(haematoxylin: np.ndarray, eosin: np.ndarray, staining: Staining) -> np.ndarray:
    """Light that passes both stains, in 8 bits."""
    image = np.empty((*eosin.shape, 3), np.uint8)
    for channel, shift in enumerate(staining.hue):
        density = haematoxylin * np.float32(HAEMATOXYLIN[channel] * staining.haematoxylin * (1 + shift))
        density += eosin * np.float32(EOSIN[channel] * staining.eosin * (1 + shift))
        image[..., channel] = 246 * np.exp(-density)
    return image
