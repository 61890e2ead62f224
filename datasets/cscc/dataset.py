"""Cutaneous squamous cell carcinoma (Ji et al. 2020): which files are a slide's, under any of their names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from stbench.contract import SlideSource
from stbench.fetching import RemoteFile
from stbench.slide import Slide
from stbench.slide_files.count_tables import read_count_table
from stbench.slide_files.image_cache import gunzipped_image
from stbench.slide_files.joining import SlideFacts, join_slide
from stbench.slide_files.noise_files import write_noise_table
from stbench.slide_files.published_slides import PublishedSlides
from stbench.slide_files.spot_tables import read_selection

from .remote import remote_files

# Slide -> patient: three sections each.
PATIENTS = {
    f"{patient}_ST_rep{section}": patient for patient in ("P2", "P5", "P9", "P10") for section in (1, 2, 3)
}
# How a slide's files are named, after an optional GSM number and before an optional .gz.
NAMES = {
    "counts": "{slide}_stdata.tsv",
    "spots": "spot_data-selection-{slide}.tsv",
    "image": "{slide}.jpg",
}


class CutaneousCarcinoma(PublishedSlides):
    """12 sections of 4 patients."""

    name = "cscc"
    folders = ("GSE144240", "GSE144240_RAW")
    patients = PATIENTS
    count_files = ("counts",)

    def slide_files(self, folder: Path, slide: str) -> dict[str, Path]:
        """Counts, spots and image of a slide; of a file that is there in both forms the unpacked one."""
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        found = {}
        for part, name in NAMES.items():
            pattern = re.compile(rf"(GSM\d+_)?{re.escape(name.format(slide=slide))}(\.gz)?")
            matching = sorted(filter(pattern.fullmatch, names), key=lambda name: (name.endswith(".gz"), name))
            if matching:
                found[part] = folder / matching[0]
        return found

    def lacks(self, slide: str, files: Mapping[str, Path]) -> str:
        """What those files lack to be a slide, in words; "" where they are complete."""
        absent = {part: name.format(slide=slide) for part, name in NAMES.items() if part not in files}
        return ", ".join(f"{part} ({name}[.gz])" for part, name in absent.items())

    def read_slide(self, slide: str, files: Mapping[str, Path]) -> Slide:
        """The slide of those files, a packed image unpacked into the cache; DatasetError for unusable ones."""
        image = files["image"]
        return join_slide(
            slide,
            read_count_table(files["counts"]),
            read_selection(files["spots"]),
            gunzipped_image(image) if image.suffix == ".gz" else image,
            SlideFacts(self.patients[slide], "ST"),
            reading=self.reading,
        )

    def remote_files(self, folder: Path) -> list[RemoteFile]:
        """GEO's files of the 12 samples."""
        return remote_files()

    def write_noise(self, source: SlideSource, folder: Path, to: Path, seed: int) -> None:
        """Write the slide's count table with noise in place of its counts."""
        path = source.files["counts"]
        write_noise_table(path, to / path.relative_to(folder), seed)
