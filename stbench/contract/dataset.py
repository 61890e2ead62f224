"""A dataset: a class with `slides` and `fetch`, which finds its provider's files and reads them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from stbench.contract.sources import (
    READ_AS_IS,
    PublishedPatches,
    ReadingOptions,
    SlideSource,
    UnmeasuredSlide,
)
from stbench.errors import DatasetError, PluginError
from stbench.slide import Slide

if TYPE_CHECKING:
    from stbench.fetching import FetchListener, RemoteFile


class Dataset(ABC):
    """Slides in their provider's own files: raw counts and images, nothing else."""

    # Its name on the command line, after which the folder of its files is called.
    name: ClassVar[str] = ""
    # Names of folders below the data root in which this dataset may lie, besides its own name.
    folders: ClassVar[tuple[str, ...]] = ()
    # How its slides are to be read; set before `slides` is called. `honours` names what a dataset can follow of it.
    reading: ReadingOptions = READ_AS_IS
    honours: ClassVar[frozenset[str]] = frozenset({"um_per_px"})

    @abstractmethod
    def slides(self, root: Path) -> list[SlideSource]:
        """The complete slides below `root`, in order, unread; DatasetError where there are none."""

    def remote_files(self, folder: Path) -> list[RemoteFile]:
        """The provider's files, named as they are to lie below `folder`; stbench.fetching lists those of providers.

        Raises DatasetError where the provider cannot be reached, or where only a person can get the files.
        """
        raise DatasetError(f"{self.name or type(self).__module__} lists no files to download.")

    def fetch(self, root: Path, listener: FetchListener | None = None) -> None:
        """Download the files that `remote_files` lists to the dataset's folder below `root`, where they are missing."""
        from stbench.fetching import fetch_files

        folder = self.home(root)
        fetch_files(self.remote_files(folder), folder, listener)

    def home(self, root: Path) -> Path:
        """The dataset's folder below `root`: the first of its names that is there, else root/<name>."""
        if not self.name:
            raise PluginError(f"{type(self).__module__}: a dataset that downloads files must set `name`.")
        places = [root / folder for folder in (self.name, *self.folders)]
        return next((place for place in places if place.is_dir()), places[0])

    def missing(self, root: Path) -> dict[str, str]:
        """Slides that should be there and are not: name -> what is missing."""
        return {}

    def unmeasured(self, root: Path) -> list[UnmeasuredSlide]:
        """Slides below `root` without expression; neither `slides` nor `missing` has them."""
        return []

    def published_patches(self, slide: Slide) -> PublishedPatches | None:
        """The provider's own patches of a slide where they lie on disk: `stbench datasets check` compares them."""
        return None

    def copy_scrambled(self, root: Path, slide: str, to: Path, seed: int) -> None:
        """Copy the dataset from `root` to `to`, the expression of one slide replaced by noise, for the audit.

        The copy is laid out so that `slides(to)` reads it; totals may change, positions and image may not.
        """
        raise DatasetError(
            f"{type(self).__module__} cannot write a scrambled copy of its files, which the audit needs; "
            "implement copy_scrambled."
        )

    def locate(self, root: Path, name: str, is_here: Callable[[Path], bool]) -> Path:
        """The first of root, root/name and root/<provider's folder> for which `is_here`; else DatasetError."""
        candidates = [root, *(root / folder for folder in (name, *self.folders))]
        for candidate in candidates:
            if is_here(candidate):
                return candidate
        raise DatasetError(
            f"Dataset {name} is not at {root} (looked at {', '.join(map(str, candidates))}). "
            f"Set --data-root or $STBENCH_DATA to where it lies, or run: stbench datasets fetch {name}"
        )
