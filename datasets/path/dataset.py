"""Your own slides: every slide of the folder that is given with the name, path:DIR."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from stbench.contract import Dataset, ReadingOptions, SlideSource, UnmeasuredSlide
from stbench.errors import DatasetError
from stbench.slide_files.copying import copy_file
from stbench.slide_files.molecule_folders import molecule_reader
from stbench.slide_files.noise_files import write_noise_anndata, write_noise_matrix, write_noise_table
from stbench.slide_files.visium_hd import bin_of

from .folders import FORMS, Found, home_of, slides_in
from .reading import read_own_slide
from .slide_list import NAME, Listed, read_slide_list

if TYPE_CHECKING:
    from stbench.fetching import FetchListener

_NEVER_COPIED = ("counts", "matrix", "barcodes", "features", "h5ad")


class OwnFolder(Dataset):
    """The slides of a folder in the forms that the README draws; slides.csv, where it is there, lists them.

    The folder may be itself one slide, and a slide's file may stand in its place.
    """

    name = "path"
    honours = frozenset({"bin_um", "drop_outside", "um_per_px"})

    def slides(self, root: Path) -> list[SlideSource]:
        """The complete slides, none where all lack their counts alone; DatasetError for a folder without any slide,
        and where slides.csv names one that is not there."""
        listing = _folder(root) / NAME
        about = {"list": listing} if listing.is_file() else {}
        complete = {name: slide for name, slide in self._listed_slides(root).items() if not slide[0].lacks}
        if not complete and not self.unmeasured(root):
            lacking = "; ".join(f"{slide} lacks {what}" for slide, what in self.missing(root).items())
            raise DatasetError(
                f"{root} holds no complete slide ({lacking or 'it is empty'}); each needs a folder with {FORMS}."
            )
        if complete:
            self._check_bins(root, [found for found, _ in complete.values()])
        return [
            SlideSource(
                name,
                listed.patient,
                found.files | about,
                partial(read_own_slide, name, found, listed, self.reading),
            )
            for name, (found, listed) in complete.items()
        ]

    def missing(self, root: Path) -> dict[str, str]:
        """Slides that are not used and what each lacks: files, or its line in slides.csv."""
        listed = self._listed_slides(root)
        lacking = {
            name: found.lacks for name, (found, _) in listed.items() if found.lacks and not found.unmeasured
        }
        on_disk = self._on_disk(root)  # a picture that no list names is no slide
        unlisted = [
            name for name in on_disk if name not in listed and on_disk[name].files.keys() != {"image"}
        ]
        return lacking | dict.fromkeys(unlisted, f"a line in {NAME}")

    def unmeasured(self, root: Path) -> list[UnmeasuredSlide]:
        """Slides that are an image, with its spots or alone, and have no counts."""
        bare = {name: slide for name, slide in self._listed_slides(root).items() if slide[0].unmeasured}
        return [_without_counts(name, *slide, self.reading) for name, slide in bare.items()]

    def fetch(self, root: Path, listener: FetchListener | None = None) -> None:
        """DatasetError: there is nothing to download."""
        raise DatasetError(
            "path:DIR is a folder of your own; there is nothing to download. See datasets/path/README.md."
        )

    def copy_scrambled(self, root: Path, slide: str, to: Path, seed: int) -> None:
        """Copy the complete slides to `to`, the counts of `slide` replaced by noise; images are linked."""
        sources = {source.id: source for source in self.slides(root)}
        if slide not in sources:
            raise DatasetError(f"{root} has no complete slide {slide!r}; complete are {', '.join(sources)}.")
        if to.resolve() == root.resolve():
            raise DatasetError(f"A scrambled copy must not overwrite the data: {to} is where they lie.")
        base = home_of(root) if len(sources) == 1 else root  # an image may lie above Space Ranger's output
        for source in sources.values():
            for name, path in source.files.items():
                if source.id != slide or name not in _NEVER_COPIED:
                    copy_file(path, to / path.relative_to(base))
        _write_noise(self._on_disk(root)[slide], base, to, seed)

    def _on_disk(self, root: Path) -> dict[str, Found]:
        return slides_in(root, self.reading.bin_um)

    def _listed_slides(self, root: Path) -> dict[str, tuple[Found, Listed]]:
        """The slides on disk that slides.csv names, with what it says; all of them where there is none."""
        on_disk, listed = self._on_disk(root), read_slide_list(_folder(root))
        if listed is None:
            return {name: (found, Listed()) for name, found in on_disk.items()}
        if _folder(root) != root:  # one file among others
            return {name: (found, listed.get(name, Listed())) for name, found in on_disk.items()}
        if absent := [name for name in listed if name not in on_disk]:
            raise DatasetError(
                f"{root / NAME} names {', '.join(absent)}, but there is no such slide beside it; "
                f"there are {', '.join(on_disk) or 'none'}."
            )
        return {name: (on_disk[name], about) for name, about in listed.items()}

    def _check_bins(self, root: Path, complete: Sequence[Found]) -> None:
        """DatasetError where bins are chosen and no slide has any."""
        if self.reading.bin_um is not None and not any(map(_is_binned, complete)):
            raise DatasetError(
                f"--bin {self.reading.bin_um:g} chooses among the bins of Visium HD, and no complete slide of {root} "
                "has any; leave it out."
            )


def _without_counts(name: str, found: Found, listed: Listed, reading: ReadingOptions) -> UnmeasuredSlide:
    has_spots = bool(found.files.keys() & {"spots", "positions"})
    read = partial(read_own_slide, name, found, listed, reading) if has_spots else None
    return UnmeasuredSlide(name, found.files["image"], read, listed.microns_per_pixel)


def _folder(root: Path) -> Path:
    """The folder in which slides.csv would lie."""
    return root.parent if root.is_file() else root


def _is_binned(found: Found) -> bool:
    if molecule_reader(found.form):
        return True
    return found.form == "space-ranger" and bin_of(found.files["positions"].parent.parent) is not None


def _write_noise(found: Found, root: Path, to: Path, seed: int) -> None:
    """Write the slide's counts below `to` as noise, in its own form; a matrix folder becomes HDF5."""
    files = found.files
    if molecule_reader(found.form):
        raise DatasetError(
            f"Single molecules cannot be written as noise: {next(iter(files.values())).parent}."
        )
    if found.form == "st":
        write_noise_table(files["counts"], to / files["counts"].relative_to(root), seed)
    elif found.form == "h5ad":
        write_noise_anndata(files["h5ad"], to / files["h5ad"].relative_to(root), seed)
    else:
        folder = files["positions"].parent.parent
        path = files.get("counts", folder / "filtered_feature_bc_matrix.h5")
        write_noise_matrix(files, to / path.relative_to(root), seed)
