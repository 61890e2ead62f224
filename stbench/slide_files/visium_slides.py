"""Published slides that are outputs of Space Ranger, a folder for each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from stbench.contract import SlideSource
from stbench.slide import Slide

from .feature_matrices import MEX_PARTS
from .noise_files import write_noise_matrix
from .published_slides import PublishedSlides
from .space_ranger import read_space_ranger, space_ranger_files, space_ranger_lacks
from .spot_tables import read_spot_labels


class VisiumSlides(PublishedSlides):
    """A slide's files are those of `space_ranger_files` and, where there are some, `labels` by barcode.

    label_column  the labels' column; None: `label`, or the only one besides the barcodes
    """

    count_files = ("counts", *MEX_PARTS)
    label_column: ClassVar[str | None] = None

    def section(self, folder: Path, slide: str) -> Path:
        """The slide's own folder, in which Space Ranger's output lies."""
        return folder / slide

    def slide_files(self, folder: Path, slide: str) -> dict[str, Path]:
        """What Space Ranger left in the slide's own folder."""
        return space_ranger_files(self.section(folder, slide), slide)

    def lacks(self, slide: str, files: Mapping[str, Path]) -> str:
        """What those files lack to be a slide, in words; "" where they are complete."""
        return space_ranger_lacks(files)

    def read_slide(self, slide: str, files: Mapping[str, Path]) -> Slide:
        """The slide of those files; DatasetError for unusable ones."""
        labels = read_spot_labels(files["labels"], self.label_column) if "labels" in files else None
        return read_space_ranger(
            slide,
            files,
            patient=self.patients[slide],
            platform="Visium",
            labels=labels,
            reading=self.reading,
        )

    def write_noise(self, source: SlideSource, folder: Path, to: Path, seed: int) -> None:
        """Write noise in place of the slide's counts, as HDF5 whatever they were."""
        section = self.section(folder, source.id)
        section = section / "outs" if (section / "outs").is_dir() else section
        path = source.files.get("counts", section / "filtered_feature_bc_matrix.h5")
        write_noise_matrix(source.files, to / path.relative_to(folder), seed)
