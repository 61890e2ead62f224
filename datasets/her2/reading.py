"""Read one HER2+ slide from the provider's files, or say in one sentence which file is wrong and how."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stbench.contract import READ_AS_IS, ReadingOptions
from stbench.slide import Slide
from stbench.slide_files.count_tables import read_count_table
from stbench.slide_files.joining import SlideFacts, join_slide
from stbench.slide_files.spot_tables import read_coordinate_labels, read_selection


def read_slide(slide: str, files: Mapping[str, Path], reading: ReadingOptions = READ_AS_IS) -> Slide:
    """The slide made of the spots that have both counts and a position; DatasetError for unusable files.

    `files` maps "counts", "spots", "image" and, where there is one, "labels" to paths.
    """
    return join_slide(
        slide,
        read_count_table(files["counts"], repeated_genes="refuse"),
        read_selection(files["spots"]),
        files["image"],
        SlideFacts(slide[0], "ST"),
        labels=read_coordinate_labels(files["labels"]) if "labels" in files else None,
        reading=reading,
    )
