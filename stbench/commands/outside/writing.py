"""A fold as files: AnnData, and the same as comma-separated text that any language reads without a package."""

from __future__ import annotations

import gzip
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stbench.commands.outside.manifest import BETWEEN
from stbench.slide import QuerySlide, TrainingSlide

if TYPE_CHECKING:
    import pandas as pd

# As many digits as tell any two float32 apart.
_DIGITS = "%.9g"


def write_fold(
    folder: Path,
    genes: Sequence[str],
    train: Sequence[TrainingSlide],
    train_spots: Sequence[Sequence[str]],
    queries: Sequence[QuerySlide],
    query_spots: Sequence[Sequence[str]],
    scale: str,
) -> None:
    """Write what a method sees of one fold below `folder`, which is made; queries have no expression."""
    folder.mkdir(parents=True)
    (folder / "panel.txt").write_text("\n".join(genes) + "\n", encoding="utf-8")
    train_ids, query_ids = _ids(train, train_spots), _ids(queries, query_spots)
    expression = np.concatenate([slide.expression for slide in train])
    counts = np.concatenate([slide.panel_counts for slide in train])
    about, asked = _about_training(train, train_ids), _about(queries, query_ids)
    _write_table(folder / "train.csv.gz", about)
    _write_table(folder / "query.csv.gz", asked)
    _write_table(folder / "train_expression.csv.gz", _frame(expression, train_ids, genes))
    _write_table(folder / "train_counts.csv.gz", _frame(counts, train_ids, genes))
    embedded = all(slide.embeddings is not None for slide in (*train, *queries))
    if embedded:
        for name, slides, ids in (("train", train, train_ids), ("query", queries, query_ids)):
            values = np.concatenate([slide.embeddings for slide in slides])
            columns = [f"e{i}" for i in range(values.shape[1])]
            _write_table(folder / f"{name}_embeddings.csv.gz", _frame(values, ids, columns))
    _write_anndata(folder / "train.h5ad", about, train, genes, scale, expression, counts)
    _write_anndata(folder / "query.h5ad", asked, queries, genes, scale)


def _ids(slides: Sequence[TrainingSlide | QuerySlide], spots: Sequence[Sequence[str]]) -> list[str]:
    return [f"{slide.id}{BETWEEN}{spot}" for slide, own in zip(slides, spots, strict=True) for spot in own]


def _about(slides: Sequence[TrainingSlide | QuerySlide], ids: Sequence[str]) -> pd.DataFrame:
    """Where each spot is, on which slide."""
    import pandas as pd

    pixels, places = (
        np.concatenate([slide.pixel_xy for slide in slides]),
        np.concatenate([slide.array_row_column for slide in slides]),
    )
    of_each = {
        "slide": [slide.id for slide in slides for _ in range(slide.n_spots)],
        "pixel_x": pixels[:, 0],
        "pixel_y": pixels[:, 1],
        "array_row": places[:, 0],
        "array_column": places[:, 1],
        "microns_per_pixel": [slide.microns_per_pixel for slide in slides for _ in range(slide.n_spots)],
    }
    frame = pd.DataFrame(of_each, index=pd.Index(ids, name="spot"))
    frame["microns_per_pixel"] = frame["microns_per_pixel"].astype(float)
    return frame


def _about_training(slides: Sequence[TrainingSlide], ids: Sequence[str]) -> pd.DataFrame:
    frame = _about(slides, ids)
    frame["group"] = [slide.group for slide in slides for _ in range(slide.n_spots)]
    frame["total"] = np.concatenate([slide.totals for slide in slides])
    frame["size_factor"] = np.concatenate([slide.size_factors for slide in slides])
    return frame


def _frame(values: np.ndarray, ids: Sequence[str], columns: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(values, index=pd.Index(ids, name="spot"), columns=pd.Index(columns))


def _write_table(path: Path, frame: pd.DataFrame) -> None:
    """Compressed without a date, so that the same fold gives the same bytes."""
    text = io.StringIO()
    frame.to_csv(text, float_format=_DIGITS, lineterminator="\n")
    path.write_bytes(gzip.compress(text.getvalue().encode("utf-8"), compresslevel=6, mtime=0))


def _write_anndata(
    path: Path,
    obs: pd.DataFrame,
    slides: Sequence[TrainingSlide | QuerySlide],
    genes: Sequence[str],
    scale: str,
    expression: np.ndarray | None = None,
    counts: np.ndarray | None = None,
) -> None:
    import anndata
    import pandas as pd

    data = anndata.AnnData(
        X=expression, obs=obs.copy(), var=pd.DataFrame(index=pd.Index(list(genes), name="gene"))
    )
    if counts is not None:
        data.layers["counts"] = counts
    data.obsm["spatial"] = np.concatenate([slide.pixel_xy for slide in slides])
    if all(slide.embeddings is not None for slide in slides):
        data.obsm["embeddings"] = np.concatenate([slide.embeddings for slide in slides])
    data.uns["scale"] = scale
    data.write_h5ad(path)
