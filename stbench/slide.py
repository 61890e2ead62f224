"""What a slide is, and the two narrower views of it that a method may see.

Slide          everything, annotation included: for datasets and the runner only
TrainingSlide  a slide of the outer training set, with expression on the target scale
QuerySlide     a slide to predict: no expression, annotation, patient, file name or file handle

All three are frozen, and the arrays of the latter two are read-only. Arrays hold one row per spot, in one order;
expression columns follow the panel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stbench.errors import DatasetError
from stbench.names import unusable

if TYPE_CHECKING:
    from scipy import sparse


@dataclass(frozen=True, eq=False)
class Slide:
    """One tissue section as its provider published it.

    image               file of the full-resolution H&E image
    spot_ids            n names, unique
    pixel_xy            (n, 2) spot centres, x then y, in pixels of the full-resolution image
    array_row_column    (n, 2) position on the array, row then column
    counts              (n, all genes) raw counts, sparse, non-negative integers
    microns_per_pixel   of that image, None where nothing tells it; scale_source says in words what does
    annotation          n pathologist labels ("" = none), or None where nobody annotated
    warnings            sentences on what its reader had to fall back on or leave out; shown wherever it is used

    Raises DatasetError where the parts contradict each other.
    """

    id: str
    patient: str | None
    platform: str
    image: Path
    spot_ids: tuple[str, ...]
    pixel_xy: np.ndarray
    array_row_column: np.ndarray
    counts: sparse.csr_matrix
    genes: tuple[str, ...]
    microns_per_pixel: float | None = None
    annotation: np.ndarray | None = None
    scale_source: str = ""
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.spot_ids)
        if n == 0:
            raise DatasetError(f"Slide {self.id} has no spots: counts and positions have no spot in common.")
        if len(set(self.spot_ids)) != n:
            raise DatasetError(f"Slide {self.id} names a spot twice; spot ids must be unique.")
        self._check_names()
        self._check_counts(n)
        self._check_places(n)
        if self.annotation is not None and len(self.annotation) != n:
            raise DatasetError(f"Slide {self.id} has {len(self.annotation)} labels for {n} spots.")

    def _check_names(self) -> None:
        for kind, names in (
            ("patient", (self.patient or "",)),
            ("spot", self.spot_ids),
            ("gene", self.genes),
        ):
            wrong = next(filter(unusable, names), None)
            if wrong is not None:
                raise DatasetError(
                    f"Slide {self.id} has a {kind} called {wrong!r}, which {unusable(wrong)}; rename it in its file."
                )

    def _check_counts(self, n: int) -> None:
        if len(set(self.genes)) != len(self.genes):
            raise DatasetError(f"Slide {self.id} names a gene twice; gene names must be unique.")
        if self.counts.shape != (n, len(self.genes)):
            raise DatasetError(
                f"Slide {self.id} has counts of shape {self.counts.shape} for {n} spots and {len(self.genes)} genes."
            )
        values = self.counts.data
        if (values < 0).any() or (values % 1 != 0).any():
            raise DatasetError(
                f"Slide {self.id} has counts that are negative or no whole numbers; raw counts are needed."
            )

    def _check_places(self, n: int) -> None:
        for name, array in (("pixel_xy", self.pixel_xy), ("array_row_column", self.array_row_column)):
            if array.shape != (n, 2) or not np.isfinite(array).all():
                raise DatasetError(
                    f"Slide {self.id}: {name} must hold two finite numbers for each of {n} spots."
                )
        if self.microns_per_pixel is not None and not self.microns_per_pixel > 0:
            raise DatasetError(
                f"Slide {self.id} has {self.microns_per_pixel} microns per pixel; that must be positive."
            )

    @property
    def n_spots(self) -> int:
        return len(self.spot_ids)

    @property
    def totals(self) -> np.ndarray:
        """(n,) counts per spot over all genes."""
        return np.asarray(self.counts.sum(axis=1)).ravel().astype(np.int64)


@dataclass(frozen=True, eq=False)
class TrainingSlide:
    """A training slide as a method sees it: scored spots only.

    group         what this split keeps together: the slide's own name, or its patient's
    expression    (n, genes of the panel) float32 on the scale that the method's card names
    panel_counts  (n, genes of the panel) raw counts
    totals        (n,) counts over all genes; size_factors = totals / their median
    embeddings    (n, d) float32 of the run's frozen encoder, or None where the card does not ask for them
    patches       edge in pixels -> (n, edge, edge, 3) uint8, for the sizes that the card asks for; where it asks
                  for them resized, still under the edge that was cut
    gram          Gram matrix of the embeddings, packed as preprocess/gram.py says; None where the card does not ask
                  for it, or where the run's slides have too few spots for it to be of use
    """

    id: str
    group: str
    platform: str
    pixel_xy: np.ndarray
    array_row_column: np.ndarray
    expression: np.ndarray
    panel_counts: np.ndarray
    totals: np.ndarray
    size_factors: np.ndarray
    microns_per_pixel: float | None = None
    embeddings: np.ndarray = None  # type: ignore[assignment]  # None only where the card does not ask for them
    patches: Mapping[int, np.ndarray] = field(default_factory=dict)
    gram: np.ndarray | None = None

    @property
    def n_spots(self) -> int:
        return len(self.pixel_xy)


@dataclass(frozen=True, eq=False)
class QuerySlide:
    """A slide to predict: what an H&E image and its spot positions tell, and nothing else.

    `id` is opaque. Arrays are read-only: in memory of their own, or maps of exactly this slide's label-free arrays,
    which tell no file's name.
    """

    id: str
    platform: str
    pixel_xy: np.ndarray
    array_row_column: np.ndarray
    microns_per_pixel: float | None = None
    embeddings: np.ndarray = None  # type: ignore[assignment]  # None only where the card does not ask for them
    patches: Mapping[int, np.ndarray] = field(default_factory=dict)

    @property
    def n_spots(self) -> int:
        return len(self.pixel_xy)
