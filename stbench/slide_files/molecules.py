"""Molecules or cells placed on an H&E picture become a Slide of pseudo-spots."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse

from stbench.contract import ReadingOptions
from stbench.errors import DatasetError
from stbench.slide import Slide

from .gene_names import unique_genes
from .image_scale import StatedScale
from .images import image_size
from .pseudo_spots import BinGrid, PseudoSpots, count_molecules, sum_cells

# What platforms count beside genes: probes and codes that stand for nothing, to measure errors with.
_CONTROLS = (
    "negcontrol", "negprb", "negative", "antisense_", "blank", "unassignedcodeword", "deprecatedcodeword",
    "intergenic_region", "systemcontrol", "falsecode",
)  # fmt: skip
_MOST_UNEQUAL = 1.05  # how much more a picture may be stretched one way than the other
_MOST_BINS = 20_000_000

# A batch of molecules: places (m, 2), x then y, and genes (m,), as indices.
Batch = tuple[np.ndarray, np.ndarray]


def is_gene(name: str) -> bool:
    """Whether a target is a gene, by its name: no control of the platform's."""
    return not name.lower().startswith(_CONTROLS)


@dataclass(frozen=True)
class Molecules:
    """Single molecules of `genes`; `batches` reads their places in units of the file's own."""

    file: Path
    genes: tuple[str, ...]
    batches: Callable[[], Iterator[Batch]]


@dataclass(frozen=True)
class Cells:
    """Counts (cells, genes) and the cells' places (cells, 2) in units of the file's own."""

    file: Path
    genes: tuple[str, ...]
    places: np.ndarray
    counts: sparse.csr_matrix


@dataclass(frozen=True)
class OnPicture:
    """An H&E picture, and how places come onto it.

    to_pixels  (3, 3) affine matrix from the file's own units to pixels of `image`
    scale      of the picture
    warnings   what had to be assumed
    """

    image: Path
    to_pixels: np.ndarray
    scale: StatedScale
    warnings: tuple[str, ...] = ()

    def microns(self, places: np.ndarray) -> np.ndarray:
        """(m, 2) places in microns on the picture."""
        return (places @ self.to_pixels[:2, :2].T + self.to_pixels[:2, 2]) * self.scale.microns

    def told(self, stated: StatedScale | None) -> OnPicture:
        """The same with the scale that somebody states."""
        if stated is None:
            return self
        return OnPicture(self.image, self.to_pixels, stated, self.warnings)


def linear_scale(matrix: np.ndarray, file: Path) -> float:
    """How many times longer an affine matrix (3, 3) makes a length; DatasetError where it is no map of pictures."""
    linear = np.asarray(matrix, dtype=float)[:2, :2]
    stretches = np.linalg.svd(linear, compute_uv=False) if np.isfinite(linear).all() else np.zeros(2)
    if not stretches[1] > 0 or stretches[0] > _MOST_UNEQUAL * stretches[1]:
        raise DatasetError(
            f"{file} maps no picture onto another: its matrix {linear.tolist()} stretches one way only."
        )
    return float(np.sqrt(stretches.prod()))


def pseudo_spot_slide(
    slide: str,
    counted: Molecules | Cells,
    picture: OnPicture,
    *,
    patient: str | None,
    platform: str,
    reading: ReadingOptions,
) -> Slide:
    """The slide of bins of `reading.bin_um` over the picture; DatasetError without a size, and where all are empty."""
    if reading.bin_um is None:
        raise DatasetError(
            f"{counted.file} places molecules, not spots: state the edge of its pseudo-spots in microns, --bin 55 say."
        )
    width, height = image_size(picture.image)
    grid = BinGrid.over(width * picture.scale.microns, height * picture.scale.microns, reading.bin_um)
    _check_grid(grid, picture)
    spots = _spots(grid, counted, picture)
    if not len(spots.bins):
        raise DatasetError(
            f"{counted.file}: none of {spots.n_outside} {_noun(counted)} lies on {picture.image.name} of "
            f"{width} x {height} px; is it the picture of this section, and its alignment right?"
        )
    row_column = grid.row_column(spots.bins)
    return Slide(
        id=slide,
        patient=patient,
        platform=platform,
        image=picture.image,
        spot_ids=tuple(f"{column}x{row}" for row, column in row_column),
        pixel_xy=grid.centres(spots.bins) / picture.scale.microns,
        array_row_column=row_column,
        counts=spots.counts,
        genes=unique_genes(counted.genes, counted.file),
        microns_per_pixel=picture.scale.microns,
        scale_source=picture.scale.words,
        warnings=tuple(filter(None, (*picture.warnings, _left_out(spots, counted)))),
    )


def _check_grid(grid: BinGrid, picture: OnPicture) -> None:
    if not 0 < grid.n_bins <= _MOST_BINS:
        raise DatasetError(
            f"{picture.image.name} at {picture.scale.microns:.4g} um per pixel has room for {grid.n_bins} bins of "
            f"{grid.microns:g} um; state another --bin."
        )


def _spots(grid: BinGrid, counted: Molecules | Cells, picture: OnPicture) -> PseudoSpots:
    if isinstance(counted, Cells):
        return sum_cells(grid, picture.microns(counted.places), counted.counts)
    batches = ((picture.microns(places), genes) for places, genes in counted.batches())
    return count_molecules(grid, batches, len(counted.genes))


def _left_out(spots: PseudoSpots, counted: Molecules | Cells) -> str:
    if not spots.n_outside:
        return ""
    total = spots.n_outside + spots.n_counted
    return f"{spots.n_outside} of {total} {_noun(counted)} lie outside the picture's bins and are left out"


def _noun(counted: Molecules | Cells) -> str:
    return "cells" if isinstance(counted, Cells) else "molecules"
