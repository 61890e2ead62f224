"""Slides of HEST-1k (Jaume et al. 2024): .h5ad with counts and spots, a pyramidal whole-slide TIFF, metadata."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from stbench.contract import PublishedPatches, SlideSource
from stbench.errors import DatasetError
from stbench.fetching import RemoteFile, hest_files
from stbench.slide import Slide

from .anndata_files import read_anndata
from .hest_patches import read_hest_patches
from .image_scale import StatedScale
from .noise_files import write_noise_anndata
from .published_slides import PublishedSlides
from .scale import NO_SCALE
from .text import read_text

# Name for the readers -> HEST's name for the folder, and how a file in it ends. The patches that HEST cuts itself are
# not needed: methods see patches cut from the image, and these serve `stbench datasets check`.
_PARTS = {"h5ad": ("st", ".h5ad"), "image": ("wsis", ".tif"), "metadata": ("metadata", ".json")}
_NEEDED = ("h5ad", "image")
_PIXEL_SIZE = "pixel_size_um_estimated"


class HestSlides(PublishedSlides):
    """Slides of HEST-1k by its ids; the metadata, which tell the pixel size, may be absent.

    platform  that of all its slides
    """

    folders = ("hest", "hest_data")
    count_files = ("h5ad",)
    platform: ClassVar[str]

    def slide_files(self, folder: Path, slide: str) -> dict[str, Path]:
        """The slide's files in HEST's own layout."""
        paths = {name: folder / place / f"{slide}{end}" for name, (place, end) in _PARTS.items()}
        return {name: path for name, path in paths.items() if path.is_file()}

    def lacks(self, slide: str, files: Mapping[str, Path]) -> str:
        """What those files lack to be a slide, in words; "" where they are complete."""
        absent = (_PARTS[name] for name in _NEEDED if name not in files)
        return ", ".join(f"{place}/{slide}{end}" for place, end in absent)

    def read_slide(self, slide: str, files: Mapping[str, Path]) -> Slide:
        """The slide of those files; DatasetError for unusable ones."""
        microns = pixel_microns(files["metadata"]) if "metadata" in files else None
        stated = None if microns is None else StatedScale(microns, f"{_PIXEL_SIZE} of its metadata")
        read = read_anndata(
            slide,
            files,
            patient=self.patients[slide],
            platform=self.platform,
            stated=stated,
            reading=self.reading,
        )
        if stated is None:  # neither the spot diameter in a .h5ad of HEST nor the image's own header tells it
            return dataclasses.replace(read, microns_per_pixel=None, scale_source=NO_SCALE)
        return read

    def published_patches(self, slide: Slide) -> PublishedPatches | None:
        """HEST's own patches where they lie beside the image's folder."""
        path = slide.image.parent.parent / "patches" / f"{slide.id}.h5"
        return read_hest_patches(path) if path.is_file() else None

    def remote_files(self, folder: Path) -> list[RemoteFile]:
        """The files of the slides in HEST's repository, which is gated; DatasetError says where to ask."""
        return hest_files(list(self.patients), folder, [place for place, _ in _PARTS.values()])

    def write_noise(self, source: SlideSource, folder: Path, to: Path, seed: int) -> None:
        """Write the slide's .h5ad with noise in place of its counts."""
        path = source.files["h5ad"]
        write_noise_anndata(path, to / path.relative_to(folder), seed)


def pixel_microns(path: Path) -> float | None:
    """Microns per pixel as HEST measured them, None where its metadata state none; DatasetError for other values.

    What an image's own header claims, `pixel_size_um_embedded`, is often a default of some software: it is not used.
    """
    try:
        stated = json.loads(read_text(path)).get(_PIXEL_SIZE)
        value = float("nan") if stated is None else float(stated)
    except (ValueError, TypeError, AttributeError) as error:
        raise DatasetError(f"{path} holds no metadata of a slide ({error}); download it again.") from error
    if value != value:
        return None
    if not 0 < value < float("inf"):
        raise DatasetError(f"{path}: {_PIXEL_SIZE} is {value}; a positive number of microns is needed.")
    return value
