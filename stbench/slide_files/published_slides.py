"""A dataset that somebody published: a fixed list of slides, of which a copy may hold all or some."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import ClassVar

from stbench.contract import Dataset, SlideSource
from stbench.errors import DatasetError
from stbench.slide import Slide

from .copying import copy_file


class PublishedSlides(Dataset):
    """The slides of a fixed list whose files are all there; at least two must be.

    patients    slide -> its patient, None where nobody states one; in the slides' order
    count_files names, among those of a slide's files, of the files that hold its counts
    """

    honours = frozenset({"drop_outside", "um_per_px"})
    patients: ClassVar[Mapping[str, str | None]]
    count_files: ClassVar[tuple[str, ...]]

    @abstractmethod
    def slide_files(self, folder: Path, slide: str) -> dict[str, Path]:
        """Those of a slide's files that lie in the dataset's folder, by the names that `read_slide` takes."""

    @abstractmethod
    def lacks(self, slide: str, files: Mapping[str, Path]) -> str:
        """What those files lack to be a slide, in words; "" where they are complete."""

    @abstractmethod
    def read_slide(self, slide: str, files: Mapping[str, Path]) -> Slide:
        """The slide of those files, read as `reading` says; DatasetError for unusable ones."""

    @abstractmethod
    def write_noise(self, source: SlideSource, folder: Path, to: Path, seed: int) -> None:
        """Write noise in place of the counts of a slide in `folder`, where a copy of it at `to` has them."""

    def slides(self, root: Path) -> list[SlideSource]:
        """The complete slides; DatasetError where fewer than two are."""
        folder = self._folder(root)
        found = {slide: self.slide_files(folder, slide) for slide in self.patients}
        complete = [
            SlideSource(slide, self.patients[slide], files, partial(self.read_slide, slide, files))
            for slide, files in found.items()
            if not self.lacks(slide, files)
        ]
        if len(complete) < 2:
            lacking = "; ".join(f"{slide} lacks {what}" for slide, what in self.missing(root).items())
            raise DatasetError(
                f"Dataset {self.name} at {folder} has {len(complete)} complete slides and needs at least two: "
                f"{lacking}. Add the files, or run: stbench datasets fetch {self.name}"
            )
        return complete

    def missing(self, root: Path) -> dict[str, str]:
        """Slides that are not complete and what each lacks."""
        folder = self._folder(root)
        lacking = {slide: self.lacks(slide, self.slide_files(folder, slide)) for slide in self.patients}
        return {slide: what for slide, what in lacking.items() if what}

    def copy_scrambled(self, root: Path, slide: str, to: Path, seed: int) -> None:
        """Copy the complete slides to `to`, the counts of `slide` replaced by noise; images are linked."""
        folder = self._folder(root)
        sources = {source.id: source for source in self.slides(root)}
        if slide not in sources:
            raise DatasetError(
                f"{self.name} has no complete slide {slide!r} here; complete are {', '.join(sources)}."
            )
        if to.resolve() == folder.resolve():
            raise DatasetError(f"A scrambled copy must not overwrite the data: {to} is where they lie.")
        for source in sources.values():
            for name, path in source.files.items():
                if source.id != slide or name not in self.count_files:
                    copy_file(path, to / path.relative_to(folder))
        self.write_noise(sources[slide], folder, to, seed)

    def _folder(self, root: Path) -> Path:
        return self.locate(
            root, self.name, lambda place: any(self.slide_files(place, slide) for slide in self.patients)
        )
