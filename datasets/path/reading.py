"""One slide of an own folder, read by the reader of its form."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from stbench.contract import READ_AS_IS, ReadingOptions
from stbench.errors import DatasetError
from stbench.slide import Slide
from stbench.slide_files.anndata_files import read_anndata
from stbench.slide_files.count_tables import read_count_table
from stbench.slide_files.image_scale import StatedScale
from stbench.slide_files.joining import SlideFacts, join_slide
from stbench.slide_files.molecule_folders import molecule_reader
from stbench.slide_files.parts import SpotLabels
from stbench.slide_files.scale import ScaleSigns
from stbench.slide_files.space_ranger import read_space_ranger
from stbench.slide_files.spot_tables import read_spot_labels, read_spot_table
from stbench.slide_files.tables import find_column, read_table
from stbench.slide_files.unmeasured import no_counts

from .folders import Found
from .slide_list import NAME, Listed


def read_own_slide(slide: str, found: Found, listed: Listed, reading: ReadingOptions = READ_AS_IS) -> Slide:
    """The slide of those files; DatasetError for unusable ones. What slides.csv says of it overrules `reading`."""
    if listed.drop_outside is not None:
        reading = replace(reading, drop_outside=listed.drop_outside)
    microns = listed.microns_per_pixel
    stated = None if microns is None else StatedScale(microns, f"um_per_px of {NAME}")
    own = {"patient": listed.patient, "platform": listed.platform}
    told = {**own, "stated": stated, "reading": reading}
    if found.form == "space-ranger":
        return read_space_ranger(slide, found.files, labels=_table_labels(found, listed), **told)
    if found.form == "h5ad":
        return read_anndata(slide, found.files, label_column=listed.label_column, **told)
    if read := molecule_reader(found.form):
        return read(slide, found.files, **told)
    spots = found.files["spots"]
    positions = read_spot_table(spots)
    return join_slide(
        slide,
        no_counts(positions) if found.unmeasured else read_count_table(found.files["counts"]),
        positions,
        found.files["image"],
        SlideFacts(listed.patient, listed.platform, ScaleSigns(stated)),
        labels=_spot_labels(spots, listed.label_column),
        reading=reading,
    )


def _spot_labels(spots: Path, column: str | None) -> SpotLabels | None:
    """The labels of a spot table, in the column named or in `label`; None where neither is."""
    if column is None and find_column(read_table(spots), ["label"]) is None:
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
