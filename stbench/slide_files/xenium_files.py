"""An output folder of Xenium with its H&E picture: transcripts become pseudo-spots.

Transcripts count as in 10x Genomics' own matrix: genes only, from a quality value of 20 on. Their places are in
microns; the alignment of the H&E picture leads to pixels of the morphology image, whose size experiment.xenium states.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from stbench.contract import ReadingOptions
from stbench.errors import DatasetError
from stbench.slide import Slide

from .aligned_images import aligned_files, read_alignment
from .image_scale import StatedScale
from .molecules import Batch, Molecules, OnPicture, is_gene, linear_scale, pseudo_spot_slide
from .text import read_text

if TYPE_CHECKING:
    import pyarrow as pa

_TRANSCRIPTS, _EXPERIMENT = "transcripts.parquet", "experiment.xenium"
_LEAST_QUALITY = 20.0
_COLUMNS = ("x_location", "y_location", "feature_name")
_OPTIONAL = ("qv", "is_gene")


def is_xenium(folder: Path) -> bool:
    """Whether the folder is an output of Xenium."""
    return any((folder / name).is_file() for name in (_EXPERIMENT, _TRANSCRIPTS))


def xenium_files(folder: Path) -> dict[str, Path]:
    """Its files by the names that the reader takes: transcripts, experiment, image, alignment."""
    named = {"transcripts": folder / _TRANSCRIPTS, "experiment": folder / _EXPERIMENT}
    return {name: path for name, path in named.items() if path.is_file()} | aligned_files(folder)


def xenium_lacks(files: Mapping[str, Path]) -> str:
    """What those files lack to be a slide, in words; "" where they are complete."""
    needed = {
        "transcripts": _TRANSCRIPTS,
        "experiment": _EXPERIMENT,
        "image": "an H&E picture (NAME_he_image.ome.tif, with NAME_he_imagealignment.csv)",
    }
    return ", ".join(words for name, words in needed.items() if name not in files)


def read_xenium(
    slide: str,
    files: Mapping[str, Path],
    *,
    patient: str | None,
    platform: str | None = None,
    stated: StatedScale | None = None,
    reading: ReadingOptions,
) -> Slide:
    """The slide of pseudo-spots of `reading.bin_um`; DatasetError where a file lacks or is damaged."""
    if lacking := xenium_lacks(files):
        raise DatasetError(f"Slide {slide} lacks {lacking}.")
    picture = _on_picture(files).told(stated)
    transcripts = _transcripts(files["transcripts"])
    told = {"patient": patient, "platform": platform or "Xenium", "reading": reading}
    return pseudo_spot_slide(slide, transcripts, picture, **told)


def _on_picture(files: Mapping[str, Path]) -> OnPicture:
    pixel = _pixel_microns(files["experiment"])
    if "alignment" not in files:
        alone = (
            f"no alignment beside {files['image'].name}: it is taken to lie on the morphology image as it is"
        )
        scale = StatedScale(pixel, f"pixel_size of {_EXPERIMENT}")
        return OnPicture(files["image"], np.diag([1 / pixel, 1 / pixel, 1]), scale, (alone,))
    matrix = read_alignment(files["alignment"])
    microns = pixel * linear_scale(matrix, files["alignment"])
    scale = StatedScale(microns, f"pixel_size of {_EXPERIMENT} through {files['alignment'].name}")
    return OnPicture(files["image"], np.linalg.inv(matrix) @ np.diag([1 / pixel, 1 / pixel, 1]), scale)


def _pixel_microns(path: Path) -> float:
    try:
        value = float(json.loads(read_text(path))["pixel_size"])
    except (ValueError, TypeError, KeyError):
        value = float("nan")
    if not 0 < value < float("inf"):
        raise DatasetError(f"{path} states no pixel_size in microns; copy or download it again.")
    return value


def _transcripts(path: Path) -> Molecules:
    """The transcripts of genes; their names are gathered first, so that no gene depends on where its molecules lie."""
    names: set[str] = set()
    for batch in _batches(path):
        names.update(_names(batch.filter(_kept(batch))).unique().to_pylist())
    genes = tuple(sorted(names))
    return Molecules(path, genes, lambda: _located(path, genes))


def _located(path: Path, genes: tuple[str, ...]) -> Iterator[Batch]:
    known = pd.Index(genes)
    for batch in _batches(path):
        batch = batch.filter(_kept(batch))
        places = np.stack(
            [batch.column(name).to_numpy(zero_copy_only=False) for name in _COLUMNS[:2]], axis=1
        )
        yield places.astype(float), known.get_indexer(pd.Index(_names(batch).to_pandas()))


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    """The columns that are needed, a million rows at once."""
    from pyarrow import ArrowInvalid, parquet

    try:
        file = parquet.ParquetFile(path)
        there = file.schema_arrow.names
        if absent := [name for name in _COLUMNS if name not in there]:
            raise DatasetError(f"{path} lacks the columns {', '.join(absent)}; it has {', '.join(there)}.")
        columns = [*_COLUMNS, *(name for name in _OPTIONAL if name in there)]
        yield from file.iter_batches(1_000_000, columns=columns)
    except (ArrowInvalid, OSError) as error:
        raise DatasetError(f"{path} cannot be read whole ({error}); copy or download it again.") from error


def _names(batch: pa.RecordBatch) -> Any:
    """The molecules' names as text: older outputs hold them as bytes, or coded."""
    import pyarrow as pa

    return batch.column("feature_name").cast(pa.string())


def _kept(batch: pa.RecordBatch) -> Any:
    """Which molecules are of genes, and sure enough."""
    import pyarrow as pa

    def column(name: str) -> np.ndarray:
        return batch.column(name).to_numpy(zero_copy_only=False)

    if "is_gene" in batch.schema.names:
        kept = column("is_gene").astype(bool)
    else:
        names = _names(batch)
        genes = [name for name in names.unique().to_pylist() if name and is_gene(name)]
        kept = pd.Index(names.to_pandas()).isin(genes)
    if "qv" in batch.schema.names:
        kept = kept & (column("qv") >= _LEAST_QUALITY)
    return pa.array(kept)
