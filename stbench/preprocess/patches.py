"""Image patches around spots: cut once per slide and size into a memory-mapped cache.

A patch is centred on the spot's pixel centre, rounded; what lies beyond the image's edge is white.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from stbench.errors import DatasetError, UsageError
from stbench.files import hash_file
from stbench.pictures.opening import image_extent, open_image
from stbench.pictures.opening import read_image as read_image
from stbench.pictures.regions import SlideImage
from stbench.preprocess.cache import Identity, array_hash, array_path, cached_array
from stbench.slide import Slide

WHITE = 255
EDGE_OF_MICRONS = 224
# Columns of an image that are read together: 512 rows of them are 48 MiB.
_COLUMNS_AT_ONCE = 32_768


@dataclass(frozen=True)
class PatchSize:
    """How much tissue a patch shows: an edge in full-resolution pixels, or in microns.

    It is resized to `output_pixels`; without these, a patch in pixels keeps its own and one in microns gets 224.
    """

    pixels: int = 224
    microns: float | None = None
    output_pixels: int | None = None

    def __post_init__(self) -> None:
        for edge in (self.pixels, self.output_pixels, self.microns):
            if edge is not None and not edge > 0:
                raise UsageError(f"A patch edge must be positive; found {edge}.")

    def __str__(self) -> str:
        if self.microns is None:
            return f"{self.pixels} px" + (f" at {self.output_pixels} px" if self.output_pixels else "")
        return f"{self.microns:g} um at {self.output_pixels or EDGE_OF_MICRONS} px"

    def edge_on(self, slide: Slide) -> int:
        """The patch's edge in full-resolution pixels of that slide."""
        if self.microns is None:
            return self.pixels
        if slide.microns_per_pixel is None:
            raise DatasetError(
                f"Slide {slide.id} does not state its microns per pixel, so --patch-um cannot be used; use --patch-px."
            )
        return max(1, round(self.microns / slide.microns_per_pixel))

    def output_on(self, slide: Slide) -> int:
        """The edge of the cut patch after resizing."""
        own = self.edge_on(slide) if self.microns is None else EDGE_OF_MICRONS
        return self.output_pixels or own


def patch_identity(slide: Slide, size: PatchSize) -> Identity:
    """Everything that the patches of a slide depend on."""
    return {
        "image": hash_file(slide.image),
        "positions": array_hash(slide.pixel_xy),
        "edge": size.edge_on(slide),
        "output": size.output_on(slide),
        "format": 2,
    }


def patches_cached(slide: Slide, size: PatchSize) -> bool:
    """Whether the patches of that slide and size are in the cache."""
    return array_path("patches", patch_identity(slide, size)).is_file()


def patches_of(slide: Slide, size: PatchSize) -> np.ndarray:
    """(n_spots, edge, edge, 3) uint8 RGB, memory-mapped read-only; DatasetError for an unreadable image."""
    identity = patch_identity(slide, size)

    def cut(path: Path) -> None:
        edge, output = identity["edge"], identity["output"]
        header = {"descr": "|u1", "fortran_order": False, "shape": (slide.n_spots, output, output, 3)}
        # Written, not mapped: a full disk is an error there and a crash here.
        with open_image(slide.image) as image, path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            start = file.tell()
            for spot, patch in _windows(image, slide.pixel_xy, edge):
                file.seek(start + spot * 3 * output**2)
                file.write(_resized(patch, output).tobytes())

    return cached_array("patches", identity, cut)


def cut_in_blocks(
    image: SlideImage, pixel_xy: np.ndarray, edge: int, output: int, size: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Spots' numbers (k,) and their patches (k, output, output, 3) uint8, `size` at a time, each spot once.

    Nothing is kept: of an image that is read by region no more is held than a band of it.
    """
    numbers, patches = [], []
    for spot, patch in _windows(image, pixel_xy, edge):
        numbers.append(spot)
        patches.append(_resized(patch, output))
        if len(numbers) == size:
            yield np.array(numbers), np.stack(patches)
            numbers, patches = [], []
    if numbers:
        yield np.array(numbers), np.stack(patches)


def n_beyond_image(slide: Slide, edge: int) -> int:
    """Spots whose patch of `edge` full-resolution pixels reaches beyond the image; DatasetError for a bad image."""
    extent = np.array(image_extent(slide.image))
    corner = np.rint(slide.pixel_xy).astype(int) - edge // 2
    return int(((corner < 0) | (corner + edge > extent)).any(axis=1).sum())


def _windows(image: SlideImage, pixel_xy: np.ndarray, edge: int) -> Iterator[tuple[int, np.ndarray]]:
    """Each spot's number and window, block by block of the image, so that no more of it is held at once.

    Blocks lie side by side in bands down the image; glass without spots between them is not read.
    """
    centres = np.rint(pixel_xy).astype(int)
    blocks = centres // (_COLUMNS_AT_ONCE, image.rows_at_once)
    for block in np.unique(blocks[:, ::-1], axis=0)[:, ::-1]:
        spots = np.flatnonzero((blocks == block).all(axis=1))
        left, top = corner = centres[spots].min(axis=0) - edge // 2
        right, bottom = centres[spots].max(axis=0) - edge // 2 + edge
        pixels = image.region(left, top, right, bottom)
        for spot in spots:
            yield int(spot), crop(pixels, centres[spot] - np.maximum(corner, 0), edge)


def crop(image: np.ndarray, centre_xy: np.ndarray, edge: int) -> np.ndarray:
    """(edge, edge, 3) window of an RGB image around a centre (x, y), white beyond the image."""
    left, top = (np.rint(centre_xy).astype(int) - edge // 2).tolist()
    window = np.full((edge, edge, 3), WHITE, dtype=np.uint8)
    height, width = image.shape[:2]
    rows, columns = slice(max(top, 0), min(top + edge, height)), slice(max(left, 0), min(left + edge, width))
    if rows.start < rows.stop and columns.start < columns.stop:
        window[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = image[
            rows, columns
        ]
    return window


def _resized(patch: np.ndarray, edge: int) -> np.ndarray:
    if len(patch) == edge:
        return patch
    return np.asarray(Image.fromarray(patch).resize((edge, edge), Image.Resampling.BILINEAR))
