"""One slide of an own folder, read by the reader of its form."""

from __future__ import annotations

from pathlib import Path

from stbench.errors import DatasetError
from stbench.slide import Slide
from stbench.slide_files.anndata_files import read_anndata
from stbench.slide_files.count_tables import read_count_table
from stbench.slide_files.joining import join_slide
from stbench.slide_files.parts import SpotLabels
from stbench.slide_files.space_ranger import read_space_ranger
from stbench.slide_files.spot_tables import read_spot_labels, read_spot_table
from stbench.slide_files.text import read_table

from .folders import Found
from .slide_list import Listed


def read_own_slide(slide: str, found: Found, listed: Listed) -> Slide:
    """The slide of those files; DatasetError for unusable ones."""
    own = {"patient": listed.patient, "microns_per_pixel": listed.microns_per_pixel}
    if found.form == "space-ranger":
        return read_space_ranger(slide, found.files, labels=_table_labels(found, listed), **own)
    if found.form == "h5ad":
        return read_anndata(slide, found.files, label_column=listed.label_column, **own)
    spots = found.files["spots"]
    return join_slide(
        slide,
        read_count_table(found.files["counts"]),
        read_spot_table(spots),
        found.files["image"],
        platform="ST",
        labels=_spot_labels(spots, listed.label_column),
        **own,
    )


def _spot_labels(spots: Path, column: str | None) -> SpotLabels | None:
    """The labels of a spot table, in the column named or in `label`; None where neither is."""
    if column is None and "label" not in read_table(spots):
        return None
    return read_spot_labels(spots, column or "label")


def _table_labels(found: Found, listed: Listed) -> SpotLabels | None:
    """Labels beside a Space Ranger output: annotation.csv, else the column named of metadata.csv."""
    if "annotation" in found.files:
        return read_spot_labels(found.files["annotation"], listed.label_column)
    if listed.label_column is None:
        return None
    if "metadata" in found.files:
        return read_spot_labels(found.files["metadata"], listed.label_column)
    folder = found.files["positions"].parent.parent
    raise DatasetError(
        f"{folder} has no annotation.csv or metadata.csv with the column {listed.label_column!r} that slides.csv names."
    )
