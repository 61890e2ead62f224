"""What uns["spatial"] of an .h5ad file tells of its slide: the library, its pictures and its scale factors."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image
from scipy.spatial import KDTree

from stbench.errors import DatasetError
from stbench.pictures.pixels import rgb8

from .image_cache import cached_image
from .image_scale import StatedScale
from .parts import SpotPositions
from .scale import SPOT_MICRONS, ScaleSigns, signs_of_factors

if TYPE_CHECKING:
    from anndata import AnnData

# What scanpy, squidpy and CELLxGENE put into a library; an entry without any of them is none (is_single, say).
_PARTS = ("images", "scalefactors", "metadata")
_STATED = ("microns_per_pixel", "pixel_size_um_estimated", "pixel_size_um", "um_per_px", "mpp")
# In the order in which they are used: the picture and the factor that gives its pixels per full-resolution pixel.
_PICTURES = {"fullres": None, "hires": "tissue_hires_scalef"}
_VISIUM_PITCH = 100.0
_NEAR = 0.1


class Picture(NamedTuple):
    """The image that a slide is laid on, and its pixels per full-resolution pixel."""

    file: Path
    scale: float


class Library:
    """The one library of a file; all of its parts may be absent. DatasetError where there are several."""

    def __init__(self, data: AnnData, path: Path):
        self.path = path
        entries = _libraries(data, path)
        content = next(iter(entries.values()), {})
        self.images, self.factors, self.metadata = (_mapping(content, part) for part in _PARTS)

    def picture(self) -> Picture:
        """The image inside the file, written to the cache once; DatasetError where there is none that can be used."""
        name = next((name for name in _PICTURES if name in self.images), None)
        if name is None:
            others = f"; it holds {', '.join(self.images)} only" if self.images else ""
            raise DatasetError(
                f"{self.path} holds no image (uns['spatial'][library]['images']['hires']){others}; "
                "place the full-resolution image beside it."
            )
        factor = _PICTURES[name]
        scale = 1.0 if factor is None else self.number(factor)
        if scale is None:
            raise DatasetError(
                f"{self.path} has no scale factor {factor}, so positions cannot be placed on its image."
            )
        pixels = rgb8(np.asarray(self.images[name]), f"{self.path}: its image {name}")
        return Picture(cached_image(self.path, ".png", partial(_write_png, pixels)), scale)

    def number(self, name: str) -> float | None:
        """A scale factor, None where there is none of that name; DatasetError where it is no positive number."""
        return self._positive(self.factors, name)

    def _positive(self, place: Mapping[str, Any], name: str) -> float | None:
        if name not in place:
            return None
        try:
            value = float(np.asarray(place[name]).item())
        except (TypeError, ValueError):
            value = float("nan")
        if not 0 < value < float("inf"):
            raise DatasetError(
                f"{self.path}: the scale factor {name} is {place[name]}; a positive number is needed."
            )
        return value

    def signs(self, scale: float, stated: StatedScale | None) -> ScaleSigns:
        """What there is to tell the scale from, on an image of `scale` pixels per full-resolution pixel.

        What the caller states comes before what the file does. HEST writes diameters of 55 or 100 um in the place of
        Space Ranger's 65, and does not say which: they tell nothing.
        """
        stated = stated or self._stated(scale)
        signs = signs_of_factors(self.number, scale, stated)
        return signs._replace(spot_diameter=None) if self._by_hest else signs

    def _stated(self, scale: float) -> StatedScale | None:
        for place, where in ((self.factors, "scalefactors"), (self.metadata, "metadata")):
            for name in _STATED:
                if (microns := self._positive(place, name)) is not None:
                    return StatedScale(microns / scale, f"{name} of uns['spatial'] ({where})")
        return None

    @property
    def _by_hest(self) -> bool:
        return "tissue_downscaled_fullres_scalef" in self.factors

    def positions_scale(self, positions: SpotPositions) -> float:
        """Full-resolution pixels that a pixel of the positions stands for: 1, but for positions in hires pixels.

        Visium's spots are 100 um apart and drawn as 65 um across: where they are nearer by just the factor of the
        hires picture, it is that picture's pixels which the positions count.
        """
        spot, scale = self.number("spot_diameter_fullres"), self.number("tissue_hires_scalef")
        if (
            spot is None
            or scale is None
            or scale > 1 - 2 * _NEAR
            or self._by_hest
            or len(positions.pixel_xy) < 2
        ):
            return 1.0
        distances = KDTree(positions.pixel_xy).query(positions.pixel_xy, k=2)[0][:, 1]
        ratio = float(np.median(distances)) / (spot * _VISIUM_PITCH / SPOT_MICRONS)
        return 1 / scale if abs(ratio / scale - 1) < _NEAR else 1.0


def _libraries(data: AnnData, path: Path) -> dict[str, Mapping[str, Any]]:
    """The entries of uns["spatial"] that are libraries; at most one, DatasetError for more."""
    spatial = data.uns.get("spatial", {})
    if not isinstance(spatial, Mapping):
        raise DatasetError(
            f"{path} holds in uns['spatial'] no mapping of libraries but {type(spatial).__name__}; "
            "images and scalefactors by library are needed."
        )
    if any(part in spatial for part in _PARTS):
        return {"": spatial}  # written without the level of libraries
    entries = {str(name): entry for name, entry in spatial.items() if isinstance(entry, Mapping)}
    filled = {name: entry for name, entry in entries.items() if any(part in entry for part in _PARTS)}
    if len(filled) > 1:
        filled = _of_spots(data, filled)
    if len(filled) > 1 or not np.all(spatial.get("is_single", True)):
        raise DatasetError(
            f"{path} holds several slides in uns['spatial']: {', '.join(filled) or 'is_single is False'}; "
            "write a file for each."
        )
    return filled


def _of_spots(data: AnnData, libraries: dict[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The one library that obs["library_id"] names for all spots; all libraries where it does not."""
    obs: Any = data.obs
    named = set(obs["library_id"].astype(str)) if "library_id" in obs else set()
    return (
        {name: libraries[name] for name in named}
        if len(named) == 1 and named <= set(libraries)
        else libraries
    )


def _mapping(content: Mapping[str, Any], part: str) -> Mapping[str, Any]:
    found = content.get(part, {})
    return found if isinstance(found, Mapping) else {}


def _write_png(pixels: np.ndarray, path: Path) -> None:
    Image.fromarray(np.ascontiguousarray(pixels)).save(path, format="PNG", compress_level=1)
