"""One synthetic slide: tissue, image, spots and counts, all from a seed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .expression import draw_counts, draw_programmes, individual
from .fields import smooth_field
from .nuclei import ADIPOCYTE, jittered_grid, place_nuclei
from .painting import Staining, paint
from .tissue import CELL, REGIONS, Tissue, grow_tissue

PITCH = 200  # pixels between neighbouring spots, as on an ST array
_MARGIN = 32
_RADIUS = 90.0  # pixels around a spot's centre from which it takes up RNA
_SURROUNDINGS = 2.5 * PITCH  # pixels from which neighbouring tissue has a say, falling off like a bell
_SHIFT = 6.0  # how far a spot lies from its place on the array (standard deviation, pixels)


class Design(NamedTuple):
    """What a synthetic dataset is made of.

    patients      patient of each slide, one letter each
    grid          spots along an edge of the array; those under tissue are kept
    n_genes       genes counted
    surroundings  what a region around the spot adds to its programme's activity, as a share of one in the spot
    """

    seed: int
    patients: tuple[str, ...]
    grid: int
    n_genes: int
    surroundings: float = 0.0

    @property
    def slides(self) -> tuple[str, ...]:
        """Names: the patient's letter and the number of the patient's section."""
        return tuple(f"{p}{self.patients[: i + 1].count(p)}" for i, p in enumerate(self.patients))


class Section(NamedTuple):
    """A slide's content: image (edge, edge, 3) uint8, counts (spots, genes) int32, positions, labels."""

    image: np.ndarray
    counts: np.ndarray
    genes: tuple[str, ...]
    pixel_xy: np.ndarray
    array_row_column: np.ndarray
    annotation: np.ndarray


def make_section(design: Design, slide: str) -> Section:
    """The slide of that name; the same bytes for the same design."""
    patient, number = ord(slide[0]), int(slide[1:])

    def stream(*path: int) -> np.random.Generator:
        return np.random.default_rng([design.seed, *path])

    edge = design.grid * PITCH + 2 * _MARGIN
    tissue = grow_tissue(edge, patient=stream(1, patient), section=stream(1, patient, number))
    rng = stream(2, patient, number)
    fat_cells = jittered_grid(edge, ADIPOCYTE, 0.3, rng)
    nuclei = place_nuclei(tissue, fat_cells, rng)
    image = paint(tissue, nuclei, fat_cells, _staining(stream(3, patient), rng), rng)
    row_column, pixel_xy = _spots(tissue, design.grid, rng)
    shares = _shares(tissue, pixel_xy, _RADIUS)
    around = _shares(tissue, pixel_xy, _SURROUNDINGS)
    active = shares + design.surroundings * around
    programmes = draw_programmes(design.n_genes, stream(4))
    programmes = individual(programmes, 0.25, stream(4, patient))
    programmes = individual(programmes, 0.12, stream(4, patient, number))
    unseen = smooth_field(rng, len(tissue.region), 1.5 * PITCH / CELL)[tissue.cells(pixel_xy)]
    counts = draw_counts(programmes, active, nuclei.within(pixel_xy, _RADIUS), unseen, rng)
    labels = np.array(REGIONS)[shares.argmax(axis=1)]
    return Section(image, counts, programmes.names, pixel_xy, row_column, labels)


def _shares(tissue: Tissue, pixel_xy: np.ndarray, radius: float) -> np.ndarray:
    """(n, 4) share of each region within about `radius` px of each position."""
    return np.column_stack([tissue.share(region, pixel_xy, radius) for region in range(len(REGIONS))])


def _spots(tissue: Tissue, grid: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Array row and column, and pixel centres, of the spots that lie under tissue."""
    row_column = np.indices((grid, grid)).reshape(2, -1).T
    pixel_xy = _MARGIN + PITCH * (row_column[:, ::-1] + 0.5) + rng.normal(0, _SHIFT, row_column.shape)
    pixel_xy = pixel_xy.round(2)
    covered = tissue.coverage(pixel_xy, _RADIUS) > 0.55
    return row_column[covered], pixel_xy[covered]


def _staining(patient: np.random.Generator, section: np.random.Generator) -> Staining:
    """Stain uptake: most of it the patient's block, some of it the section's own."""
    shift = patient.normal(0, 0.10, 5) + section.normal(0, 0.05, 5)
    haematoxylin, eosin = np.exp(shift[:2])
    red, green, blue = 0.5 * shift[2:]
    return Staining(float(haematoxylin), float(eosin), (float(red), float(green), float(blue)))
