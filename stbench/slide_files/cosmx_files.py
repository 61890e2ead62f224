"""An output folder of CosMx with its H&E picture: transcripts become pseudo-spots.

Transcripts lie in pixels of the whole section (x_global_px, y_global_px), in one text table. The H&E picture is taken
afterwards, on another instrument: its alignment to these pixels has to be there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from stbench.contract import ReadingOptions
from stbench.errors import DatasetError
from stbench.slide import Slide

from .aligned_images import aligned_files, read_alignment
from .image_scale import StatedScale
from .molecules import Batch, Molecules, OnPicture, is_gene, linear_scale, pseudo_spot_slide
from .tables import numbers, read_table

_PIXEL = 0.120280945  # microns, of the instrument's camera
_COLUMNS = ("x_global_px", "y_global_px", "target")
_AT_ONCE = 1_000_000


def is_cosmx(folder: Path) -> bool:
    """Whether the folder is an output of CosMx."""
    return bool(_tables(folder, "tx_file"))


def cosmx_files(folder: Path) -> dict[str, Path]:
    """Its files by the names that the reader takes: transcripts, fields, image, alignment."""
    tables = {"transcripts": _tables(folder, "tx_file"), "fields": _tables(folder, "fov_positions_file")}
    for paths in tables.values():
        if len(paths) > 1:
            names = ", ".join(path.name for path in paths)
            raise DatasetError(f"{folder} holds several tables of one kind: {names}; keep one section's.")
    return {name: paths[0] for name, paths in tables.items() if paths} | aligned_files(folder)


def _tables(folder: Path, kind: str) -> list[Path]:
    return [path for end in ("csv", "csv.gz") for path in sorted(folder.glob(f"*{kind}.{end}"))]


def cosmx_lacks(files: Mapping[str, Path]) -> str:
    """What those files lack to be a slide, in words; "" where they are complete."""
    image = files.get("image")
    needed = {
        "transcripts": "NAME_tx_file.csv[.gz]",
        "image": "an H&E picture (NAME_he_image.ome.tif)",
        "alignment": f"{image.name.partition('.')[0] if image else 'NAME_he_image'}alignment.csv "
        "(three rows of three numbers: pixels of the picture to global pixels)",
    }
    return ", ".join(words for name, words in needed.items() if name not in files)


def read_cosmx(
    slide: str,
    files: Mapping[str, Path],
    *,
    patient: str | None,
    platform: str | None = None,
    stated: StatedScale | None = None,
    reading: ReadingOptions,
) -> Slide:
    """The slide of pseudo-spots of `reading.bin_um`; DatasetError where a file lacks or is damaged."""
    if lacking := cosmx_lacks(files):
        raise DatasetError(f"Slide {slide} lacks {lacking}.")
    picture = _on_picture(files).told(stated)
    transcripts = _transcripts(files["transcripts"])
    told = {"patient": patient, "platform": platform or "CosMx", "reading": reading}
    return pseudo_spot_slide(slide, transcripts, picture, **told)


class _Pixel(NamedTuple):
    """Microns of a global pixel, and what tells them."""

    microns: float
    words: str


def _on_picture(files: Mapping[str, Path]) -> OnPicture:
    matrix = read_alignment(files["alignment"])
    pixel = _pixel(files.get("fields"))
    microns = pixel.microns * linear_scale(matrix, files["alignment"])
    scale = StatedScale(microns, f"{pixel.words} through {files['alignment'].name}")
    return OnPicture(files["image"], np.linalg.inv(matrix), scale)


def _pixel(fields: Path | None) -> _Pixel:
    """From the fields of view that stand in pixels and in millimetres; else as the maker states it."""
    known = _Pixel(_PIXEL, f"CosMx pixels of {_PIXEL:.4g} um")
    if fields is None:
        return known
    table = read_table(fields)
    pair = next(
        (x for x in (("x_global_px", "x_global_mm"), ("x_global_px", "x_mm")) if {*x} <= {*table}), None
    )
    if pair is None:
        return known
    pixels, millimetres = numbers(table.filter(items=list(pair))).dropna().to_numpy().T
    if len(pixels) < 2 or np.ptp(pixels) == 0:
        return known
    return _Pixel(abs(float(np.polyfit(pixels, millimetres, 1)[0])) * 1000, f"millimetres of {fields.name}")


def _transcripts(path: Path) -> Molecules:
    """The transcripts of genes; their names are gathered first."""
    names: set[str] = set()
    for table in _read(path, ["target"]):
        names.update(filter(is_gene, table["target"].astype(str).unique()))
    return Molecules(path, tuple(sorted(names)), partial(_located, path, tuple(sorted(names))))


def _located(path: Path, genes: tuple[str, ...]) -> Iterator[Batch]:
    known = pd.Index(genes)
    for table in _read(path, _COLUMNS):
        codes = known.get_indexer(pd.Index(table["target"].astype(str)))
        places = table[list(_COLUMNS[:2])].to_numpy(dtype=float)
        yield places[codes >= 0], codes[codes >= 0]


def _read(path: Path, columns: Any) -> Iterator[pd.DataFrame]:
    """Some columns, a million rows at once; gunzipped as the name says."""
    try:
        yield from pd.read_csv(path, usecols=columns, chunksize=_AT_ONCE)
    except (ValueError, OSError, EOFError) as error:
        raise DatasetError(
            f"{path} is no table with the columns {', '.join(_COLUMNS)} ({error}); copy or download it again."
        ) from error
