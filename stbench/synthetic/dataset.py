"""A dataset that makes its own slides: written to a folder once, then read like any other."""

from __future__ import annotations

import shutil
import zipfile
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image
from scipy import sparse

from stbench.contract import Dataset, SlideSource
from stbench.errors import DatasetError
from stbench.files import hash_tree, hash_value, locked, replacing
from stbench.slide import Slide

from .scramble import scrambled_counts
from .section import PITCH, Design, make_section

# The array that is imitated has its spots 200 micrometres apart.
_MICRONS_PER_PIXEL = 200 / PITCH
_JPEG_QUALITY = 92


class SyntheticDataset(Dataset):
    """Slides of a `design`, generated below the given root in a folder of their own.

    The folder's name holds a hash of the design and of the generator's source, so that slides of another
    version are never mistaken for these.
    """

    name: ClassVar[str]
    design: ClassVar[Design]

    def slides(self, root: Path) -> list[SlideSource]:
        """All slides, generated below `root` first where they are not there yet (seconds)."""
        self.fetch(root)
        return [_source(self.folder(root), slide) for slide in self.design.slides]

    def fetch(self, root: Path) -> None:
        """Generate the slides that are not there yet; StorageError where `root` cannot be written."""
        folder = self.folder(root)
        if self._lacking(folder):
            with locked(folder):
                for slide in self._lacking(folder):
                    _write(folder, slide, self.design)

    def copy_scrambled(self, root: Path, slide: str, to: Path, seed: int) -> None:
        """Copy all slides to `to`, the counts of `slide` replaced by noise."""
        sources = {source.id: source for source in self.slides(root)}
        if slide not in sources:
            raise DatasetError(f"{self.name} has no slide {slide!r}; there are {', '.join(sources)}.")
        if self.folder(to).resolve() == self.folder(root).resolve():
            raise DatasetError(f"A scrambled copy must not overwrite the slides themselves in {to}.")
        for source in sources.values():
            for path in source.files.values():
                with replacing(self.folder(to) / path.name) as temporary:
                    shutil.copyfile(path, temporary)
        path = sources[slide].files["spots"]
        arrays = _load(path)
        with replacing(self.folder(to) / path.name) as temporary:
            _save(temporary, arrays | {"counts": scrambled_counts(arrays["counts"], seed)})

    def folder(self, root: Path) -> Path:
        """Where the slides lie below `root`."""
        version = hash_value([self.design, hash_tree(Path(__file__).parent)])
        return root / f"{self.name}-{version}"

    def _lacking(self, folder: Path) -> list[str]:
        return [
            s for s in self.design.slides if not all(path.is_file() for path in _files(folder, s).values())
        ]


def _files(folder: Path, slide: str) -> dict[str, Path]:
    return {"image": folder / f"{slide}.jpg", "spots": folder / f"{slide}.npz"}


def _source(folder: Path, slide: str) -> SlideSource:
    return SlideSource(slide, slide[0], _files(folder, slide), partial(read_synthetic, folder, slide))


def _write(folder: Path, slide: str, design: Design) -> None:
    section, files = make_section(design, slide), _files(folder, slide)
    with replacing(files["image"]) as temporary:
        Image.fromarray(section.image).save(temporary, format="JPEG", quality=_JPEG_QUALITY)
    with replacing(files["spots"]) as temporary:
        arrays = section._asdict() | {"genes": np.array(section.genes)}
        del arrays["image"]
        _save(temporary, arrays)


def read_synthetic(folder: Path, slide: str) -> Slide:
    """A generated slide; DatasetError where its file is damaged."""
    files = _files(folder, slide)
    arrays = _load(files["spots"])
    return Slide(
        id=slide,
        patient=slide[0],
        platform="ST",
        image=files["image"],
        spot_ids=tuple(f"{column}x{row}" for row, column in arrays["array_row_column"]),
        pixel_xy=arrays["pixel_xy"],
        array_row_column=arrays["array_row_column"],
        counts=sparse.csr_matrix(arrays["counts"]),
        genes=tuple(arrays["genes"].tolist()),
        microns_per_pixel=_MICRONS_PER_PIXEL,
        annotation=arrays["annotation"],
    )


def _load(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return dict(archive)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DatasetError(
            f"{path} is damaged ({error}); delete the folder {path.parent} and it is generated again."
        ) from error


def _save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    # Numpy before 2.1 takes allow_pickle for an array's name, and pyright any array for allow_pickle.
    np.savez_compressed(path, **arrays)  # pyright: ignore[reportArgumentType]
