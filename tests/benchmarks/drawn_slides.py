"""Slides drawn at random for measurements: what a method computes and keeps does not depend on their values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from stbench.contract import MethodCard
from stbench.slide import QuerySlide, TrainingSlide

N_GENES, WIDTH = 785, 1280


def training_slide(name: str, n: int, card: MethodCard, random: np.random.Generator) -> TrainingSlide:
    """A slide of `n` spots and 785 genes with all that the method asks for."""
    return TrainingSlide(
        id=name,
        group=name,
        expression=random.random((n, N_GENES), dtype=np.float32),
        panel_counts=random.poisson(2.0, (n, N_GENES)),
        totals=np.full(n, 2000),
        size_factors=np.ones(n),
        **_image_side(n, card, random),
    )


def query_slide(n: int, card: MethodCard, random: np.random.Generator) -> QuerySlide:
    """A slide of `n` spots without its expression."""
    return QuerySlide(id="query", **_image_side(n, card, random))


def _image_side(n: int, card: MethodCard, random: np.random.Generator) -> dict[str, Any]:
    """What a method may see of `n` spots on a square array, as far as its card asks for it."""
    row, column = np.divmod(np.arange(n), math.ceil(math.sqrt(n)))
    sizes = {edge: card.needs.resized_to or edge for edge in card.needs.patches}
    return {
        "platform": "Visium",  # whose position tables hold 5,000 spots on a square
        "pixel_xy": 200.0 * np.stack([column, row], axis=1),
        "array_row_column": np.stack([row, column], axis=1),
        "embeddings": random.standard_normal((n, WIDTH), dtype=np.float32) if card.needs.embeddings else None,
        "patches": {
            edge: random.integers(0, 256, (n, size, size, 3), np.uint8) for edge, size in sizes.items()
        },
    }
