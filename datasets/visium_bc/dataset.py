"""Breast cancer sections of 10x Genomics: which files are a slide's."""

from __future__ import annotations

from pathlib import Path

from stbench.fetching import RemoteFile
from stbench.slide_files.text import first_file
from stbench.slide_files.visium_slides import VisiumSlides

from .remote import SECTIONS, remote_files

# Slide -> patient: the two sections of a block are of one.
PATIENTS = {"block1": "block A", "block2": "block A", "FFPE": "FFPE"}


class VisiumBreastCancer(VisiumSlides):
    """Two sections of one block and one FFPE section, each an output of Space Ranger."""

    name = "visium-bc"
    patients = PATIENTS

    def section(self, folder: Path, slide: str) -> Path:
        """The folder named after the slide, or after 10x Genomics' dataset."""
        published = folder / SECTIONS[slide][0]
        return published if published.is_dir() and not (folder / slide).is_dir() else folder / slide

    def slide_files(self, folder: Path, slide: str) -> dict[str, Path]:
        """What Space Ranger left, and annotation.csv (barcode, label) where there is one."""
        section = self.section(folder, slide)
        found = first_file(section / "annotation.csv", section / "annotation.csv.gz")
        return super().slide_files(folder, slide) | ({"labels": found} if found else {})

    def remote_files(self, folder: Path) -> list[RemoteFile]:
        """The files of the three example datasets."""
        return remote_files()
