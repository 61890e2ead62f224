"""Which file of a seed's predictions holds which slide."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stbench.commands.outside.reading import Given, read_anndata, read_table, suffix_of
from stbench.errors import UnknownName, UsageError


def read_predictions(place: Path, slides: Sequence[str]) -> dict[str, Given]:
    """Slide -> predictions below `place`: one .h5ad, or a folder with one .csv, .csv.gz or .h5ad for each slide.

    UsageError where there are none, or a file is of no slide of the data set.
    """
    if not place.exists():
        raise UsageError(
            f"{place} is not there; name an .h5ad, or a folder with one .csv or .csv.gz a slide."
        )
    if place.is_file() and suffix_of(place) == ".h5ad":
        return _of_known(place, read_anndata(place, slides), slides)
    if place.is_file():
        raise UsageError(
            f"{place} is one file; name the folder that has a .csv or .csv.gz a slide, or an .h5ad."
        )
    files = sorted(path for path in place.iterdir() if path.is_file() and suffix_of(path))
    if not files:
        raise UsageError(f"{place} holds no .csv, .csv.gz or .h5ad; it should have one for each slide.")
    names = {path: path.name[: -len(suffix_of(path))] for path in files}
    for path, slide in names.items():
        _check_known(path, slide, slides)
    twice = [slide for slide in slides if list(names.values()).count(slide) > 1]
    if twice:
        raise UsageError(f"{place} holds several files for slide {twice[0]}; keep one.")
    return {slide: _one_slide(path, slide) for path, slide in names.items()}


def _one_slide(path: Path, slide: str) -> Given:
    if suffix_of(path) != ".h5ad":
        return read_table(path)
    found = _of_known(path, read_anndata(path, [slide], slide), [slide])
    return found[slide]


def _of_known(path: Path, found: dict[str, Given], slides: Sequence[str]) -> dict[str, Given]:
    for slide in found:
        _check_known(path, slide, slides)
    return found


def _check_known(path: Path, slide: str, slides: Sequence[str]) -> None:
    if slide not in slides:
        raise UnknownName(f"slide that {path.name} could be of", slide, slides)
