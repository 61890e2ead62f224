"""The full-resolution image of a slide, found among the files that lie with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from stbench.errors import DatasetError
from stbench.pictures.suffixes import image_stem, image_suffix, is_whole_slide

# What Space Ranger itself draws, and what scanners add: never the full-resolution image.
_NEVER = (
    "tissue_hires_image",
    "tissue_lowres_image",
    "aligned_fiducials",
    "aligned_tissue_image",
    "detected_tissue_image",
    "cytassist_image",
)
_NEVER_ENDS = ("_label", "_macro", "_thumbnail", "_overview", "_lowres", "_hires", "_mask")


def full_image(
    folder: Path, name: str | None = None, beside: Iterable[Path] = (), *, shared: bool = False
) -> Path | None:
    """The one full-resolution image of the slide in `folder`, else of a folder in `beside`; None without any.

    In this order, in any case of letters and with any suffix of a picture: image.*, NAME.*, HE.*, NAME_HE.* or
    NAME_image.* (`name` is the slide's), another *_HE.* or *_image.*, the only whole slide (.svs, .ome.tif, ...),
    the only picture. Where the folder is `shared` with other slides, only NAME.*, NAME_HE.* and NAME_image.* count.
    DatasetError where several could be meant.
    """
    for place in (folder, *beside):
        pictures = _pictures(place)
        for is_meant in _ways(name, shared):
            candidates = [path for path in pictures if is_meant(path)]
            if len(candidates) > 1:
                raise DatasetError(_several(place, candidates, name if shared else None))
            if candidates:
                return candidates[0]
    return None


def pictures_alone(folder: Path) -> dict[str, Path]:
    """The pictures right in a folder that could be full-resolution images, by the names of the slides they would be.

    Names that several pictures have are left out: nothing says which is meant.
    """
    found = [(image_stem(path.name), path) for path in _pictures(folder)]
    names = [name for name, _ in found]
    return {name: path for name, path in found if names.count(name) == 1}


def _pictures(folder: Path) -> list[Path]:
    """The pictures right in the folder that could be a full-resolution image."""
    return [
        path
        for path in (sorted(folder.iterdir()) if folder.is_dir() else ())
        if image_suffix(path.name)
        and not path.name.startswith(".")
        and path.is_file()
        and _could_be_full(path)
    ]


def _could_be_full(path: Path) -> bool:
    stem = image_stem(path.name).lower()
    return stem not in _NEVER and not stem.endswith(_NEVER_ENDS)


def _ways(name: str | None, shared: bool) -> list[Callable[[Path], bool]]:
    """What makes a picture the one that is meant, the surest first."""
    own = name.lower() if name else None

    def stem_is(*stems: str | None) -> Callable[[Path], bool]:
        return lambda path: image_stem(path.name).lower() in stems

    named = [stem_is(own), stem_is(f"{own}_he", f"{own}_image")] if own else []
    if shared:
        return named
    return [
        stem_is("image"),
        *named[:1],
        stem_is("he"),
        *named[1:],
        lambda path: image_stem(path.name).lower().endswith(("_he", "_image")),
        lambda path: is_whole_slide(path.name),
        lambda path: True,
    ]


def _several(folder: Path, candidates: list[Path], name: str | None) -> str:
    first = candidates[0]
    remedy = (
        f"keep the one of {name}"
        if name
        else f"name the full-resolution one image{first.name[len(image_stem(first.name)) :]}"
    )
    return f"{folder} holds several images: {', '.join(path.name for path in candidates)}; {remedy}."
