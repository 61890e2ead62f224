"""A slide's embeddings: computed once, from patches that are cut as they are needed and never stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from stbench.pictures.opening import open_image
from stbench.preprocess.cache import array_path, cached_array
from stbench.preprocess.encoders.finding import find_encoder
from stbench.preprocess.encoders.identity import embedding_identity, have_weights
from stbench.preprocess.encoders.loading import load_encoder
from stbench.preprocess.patches import PatchSize, cut_in_blocks
from stbench.slide import Slide

BATCH = 32


def embeddings_cached(slide: Slide, name: str, size: PatchSize) -> bool:
    """Whether the embeddings of that slide are in the cache."""
    return array_path("embeddings", embedding_identity(slide, name, size)).is_file()


def embeddings_of(
    slide: Slide,
    name: str,
    size: PatchSize,
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """(n_spots, width) float32 embeddings of a slide's patches; `progress` hears of (patches done, patches).

    Raises what load_encoder raises, and DatasetError for an unreadable image.
    """
    have_weights(name)

    def compute(path: Path) -> None:
        embed, width = load_encoder(name, device), find_encoder(name).card.width
        edge, output, done = size.edge_on(slide), size.output_on(slide), 0
        header = {"descr": "<f4", "fortran_order": False, "shape": (slide.n_spots, width)}
        with open_image(slide.image) as image, path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            start = file.tell()
            for spots, patches in cut_in_blocks(image, slide.pixel_xy, edge, output, BATCH):
                for spot, values in zip(spots.tolist(), embed(patches), strict=True):
                    file.seek(start + spot * 4 * width)
                    file.write(values.tobytes())
                done += len(spots)
                if progress:
                    progress(done, slide.n_spots)

    return cached_array("embeddings", embedding_identity(slide, name, size), compute)
