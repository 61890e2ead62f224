"""Slides small enough for tests of folds and fits: a noise image, a grid of spots, counts that follow positions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy import sparse

from stbench.contract import SlideSource
from stbench.slide import Slide

GRID, N_GENES, PITCH = 6, 30, 20
SHALLOW = (3, 17)  # spots with fewer than 100 counts


def make_slide(folder: Path, name: str, patient: str | None, seed: int, **changes: Any) -> Slide:
    """36 spots, 30 genes whose level falls or rises along x or y, totals from 400 to 4,000, two shallow spots."""
    rng = np.random.default_rng(seed)
    row_column = np.indices((GRID, GRID)).reshape(2, -1).T
    pixel_xy = PITCH * (row_column[:, ::-1] + 1.0) + rng.normal(0, 1, (GRID**2, 2)).round(2)
    slopes = np.random.default_rng(99).normal(0, 0.35, (2, N_GENES))
    level = np.exp((row_column - 2.5) @ slopes + np.linspace(-1, 1, N_GENES) + rng.normal(0, 0.1, N_GENES))
    totals = rng.uniform(400, 4_000, GRID**2)
    totals[list(SHALLOW)] = 40
    counts = rng.poisson(level / level.sum(axis=1, keepdims=True) * totals[:, None])
    image = folder / f"{name}.png"
    if not image.exists():
        folder.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (PITCH * (GRID + 1), PITCH * (GRID + 1), 3), dtype=np.uint8)
        Image.fromarray(pixels).save(image)
    parts: dict[str, Any] = {
        "id": name,
        "patient": patient,
        "platform": "ST",
        "image": image,
        "spot_ids": tuple(f"{c}x{r}" for r, c in row_column),
        "pixel_xy": pixel_xy,
        "array_row_column": row_column,
        "counts": sparse.csr_matrix(counts),
        "genes": tuple(f"G{i:02}" for i in range(N_GENES)),
    }
    return Slide(**{**parts, **changes})


def make_slides(folder: Path, patients: Sequence[str | None] = ("A", "A", "B", "C")) -> dict[str, Slide]:
    """One slide a patient's letter, named S1, S2, ..."""
    return {
        f"S{i}": make_slide(folder, f"S{i}", patient, seed=i) for i, patient in enumerate(patients, start=1)
    }


def sources_of(slides: dict[str, Slide]) -> list[SlideSource]:
    """Those slides as a run gets them: unread, their counts in a file that the plan can hash."""
    return [_source(slide) for slide in slides.values()]


def _source(slide: Slide) -> SlideSource:
    counts = slide.image.with_suffix(".npy")
    np.save(counts, slide.counts.toarray())
    return SlideSource(
        slide.id, slide.patient, {"image": slide.image, "counts": counts}, partial(_same, slide)
    )


def _same(slide: Slide) -> Slide:
    return slide
