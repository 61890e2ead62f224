"""Slides of several patients drawn from a linear-Gaussian model, embeddings included: no image, no encoder, quick.

A slide's tissue is a few smooth fields. Embeddings are a linear map of them, shifted and bent a little by the patient
and the slide, plus noise; a gene's log rate is a linear map of them whose slopes and level differ between patients;
counts are Poisson, and a spot's depth follows the first field and chance. What is learned on some patients therefore
holds for another one in part only, so that penalties, numbers of neighbours and epochs matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy import sparse
from scipy.ndimage import gaussian_filter

from stbench.contract import SlideSource
from stbench.evaluation.materials import Materials
from stbench.metrics.counts import draw_constant
from stbench.slide import Slide

FIELDS, WIDTH, PITCH = 5, 64, 100
_DEPTH, _DEPTH_TISSUE, _DEPTH_CHANCE = np.log(1500.0), 0.3, 0.4


class Size(NamedTuple):
    """patients, slides of each, spots along an edge, genes counted."""

    patients: int = 8
    slides: int = 2
    edge: int = 7
    genes: int = 60


class _Maps(NamedTuple):
    """How tissue becomes embeddings and log rates: slopes (FIELDS, ...) and offsets of both."""

    image: np.ndarray
    shade: np.ndarray
    slopes: np.ndarray
    level: np.ndarray

    def individual(self, rng: np.random.Generator, strength: float) -> _Maps:
        """The maps of one patient or slide, `strength` away from these."""
        image = self.image + 0.3 * strength * rng.normal(0, 1, self.image.shape)
        slopes = self.slopes + 0.3 * strength * rng.normal(0, 1, self.slopes.shape)
        level = self.level + 0.5 * strength * rng.normal(0, 1, self.level.shape)
        return _Maps(image, self.shade + strength * rng.normal(0, 1, self.shade.shape), slopes, level)


class DrawnMaterials(Materials):
    """Materials whose embeddings were drawn with the slides."""

    def embeddings(self, name: str) -> np.ndarray:
        return np.load(self.sources[name].files["embeddings"], mmap_mode="r")


def draw_slides(folder: Path, seed: int, size: Size = Size()) -> dict[str, Slide]:  # noqa: B008
    """Slides A1, A2, B1, ... of a data set; their embeddings and counts lie below `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    image = folder / "white.png"
    Image.fromarray(np.full((32, 32, 3), 255, np.uint8)).save(image)
    rng = np.random.default_rng([seed, 0])
    common = _Maps(
        rng.normal(0, 0.5, (FIELDS, WIDTH)),
        np.zeros(WIDTH),
        rng.normal(0, 0.35, (FIELDS, size.genes)),
        rng.uniform(np.log(1), np.log(60), size.genes),
    )
    slides = {}
    for patient in range(size.patients):
        its = common.individual(np.random.default_rng([seed, 1, patient]), 0.8)
        for number in range(size.slides):
            rng = np.random.default_rng([seed, 2, patient, number])
            name = f"{chr(ord('A') + patient)}{number + 1}"
            slides[name] = _draw(folder, name, image, its.individual(rng, 0.3), size, rng)
    return slides


def _draw(folder: Path, name: str, image: Path, maps: _Maps, size: Size, rng: np.random.Generator) -> Slide:
    row_column = np.indices((size.edge, size.edge)).reshape(2, -1).T
    tissue = np.column_stack([_smooth(rng, size.edge) for _ in range(FIELDS)])
    noise = 1.0 * rng.normal(0, 1, (len(tissue), WIDTH))
    np.save(folder / f"{name}-embeddings.npy", (tissue @ maps.image + maps.shade + noise).astype(np.float32))
    rates = np.exp(tissue @ maps.slopes + maps.level)
    depth = np.exp(_DEPTH + _DEPTH_TISSUE * tissue[:, 0] + _DEPTH_CHANCE * rng.normal(0, 1, len(tissue)))
    counts = rng.poisson(rates / rates.sum(axis=1, keepdims=True) * depth[:, None])
    return Slide(
        id=name,
        patient=name[0],
        platform="ST",
        image=image,
        spot_ids=tuple(f"{column}x{row}" for row, column in row_column),
        pixel_xy=PITCH * (row_column[:, ::-1] + 0.5),
        array_row_column=row_column,
        counts=sparse.csr_matrix(counts),
        genes=tuple(f"G{i:02}" for i in range(size.genes)),
    )


def _smooth(rng: np.random.Generator, edge: int) -> np.ndarray:
    """(edge * edge,) a smooth field of mean 0 and standard deviation 1."""
    field = gaussian_filter(rng.normal(0, 1, (edge, edge)), 1.2, mode="nearest").ravel()
    return (field - field.mean()) / field.std()


def with_constant_composition(slides: Mapping[str, Slide], seed: int) -> dict[str, Slide]:
    """The slides with counts redrawn from each one's pooled composition; every spot keeps its total and its image."""
    rng = np.random.default_rng([seed, 3])
    redrawn = {
        name: draw_constant(slide.counts.toarray(), slide.totals, rng) for name, slide in slides.items()
    }
    return {name: replace(slide, counts=sparse.csr_matrix(redrawn[name])) for name, slide in slides.items()}


def sources_of(folder: Path, slides: Mapping[str, Slide]) -> list[SlideSource]:
    """The slides as a plan gets them; their counts are written to `folder` for it to hash."""
    found = []
    for name, slide in slides.items():
        counts = folder / f"{name}-counts.npy"
        np.save(counts, slide.counts.toarray())
        files = {"counts": counts, "embeddings": folder / f"{name}-embeddings.npy"}
        found.append(SlideSource(name, slide.patient, files, partial(_same, slide)))
    return found


def _same(slide: Slide) -> Slide:
    return slide
