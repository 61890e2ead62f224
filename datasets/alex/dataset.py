"""Triple-negative breast cancer (Wu et al. 2021): which files are a slide's, unpacked or sorted by slide."""

from __future__ import annotations

from pathlib import Path

from stbench.fetching import RemoteFile
from stbench.slide_files.feature_matrices import mex_files
from stbench.slide_files.space_ranger import space_ranger_files
from stbench.slide_files.text import first_file
from stbench.slide_files.visium_slides import VisiumSlides

from .remote import remote_files

# Slide -> patient: each is of another one, whom its name stands for.
PATIENTS = {slide: slide for slide in ("1142243F", "1160920F", "CID4465", "CID44971")}


class Alex(VisiumSlides):
    """Four sections of four patients."""

    name = "alex"
    patients = PATIENTS
    label_column = "Classification"

    def slide_files(self, folder: Path, slide: str) -> dict[str, Path]:
        """Each part from the slide's own folder, else from where the deposit's archives unpack to."""
        own, archived = space_ranger_files(self.section(folder, slide), slide), _archived(folder, slide)
        if any(part in own for part in self.count_files):  # never a matrix of parts from two places
            archived = {part: path for part, path in archived.items() if part not in self.count_files}
        files = archived | own
        if "image" in files:
            files.pop("hires_image", None)
        labels = [folder / slide / "metadata.csv", folder / "metadata" / f"{slide}_metadata.csv"]
        found = first_file(*labels, *(path.with_name(f"{path.name}.gz") for path in labels))
        return files | ({"labels": found} if found else {})

    def remote_files(self, folder: Path) -> list[RemoteFile]:
        """The archives of the Zenodo record."""
        return remote_files()


def _archived(folder: Path, slide: str) -> dict[str, Path]:
    """Those of the slide's files that lie where the archives put them."""
    spatial = folder / "spatial" / f"{slide}_spatial"
    positions = spatial / "tissue_positions_list.csv"
    parts = {
        "positions": first_file(positions, positions.with_name(f"{positions.name}.gz")),
        "scale_factors": first_file(spatial / "scalefactors_json.json"),
        "hires_image": first_file(spatial / "tissue_hires_image.png"),
    }
    matrix = mex_files(folder / "filtered_count_matrices" / f"{slide}_filtered_count_matrix")
    return matrix | {part: path for part, path in parts.items() if path is not None}
