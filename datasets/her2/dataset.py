"""HER2+ breast cancer (Andersson et al. 2021): where its files lie and which slides are complete."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import NamedTuple

from stbench.contract import Dataset, ReadingOptions, SlideSource
from stbench.errors import DatasetError
from stbench.fetching import RemoteFile
from stbench.slide_files.copying import copy_file
from stbench.slide_files.noise_files import write_noise_table
from stbench.slide_files.text import first_file

from .reading import read_slide

SLIDES = tuple(
    f"{patient}{section}"
    for patient, sections in zip("ABCDEFGH", (6, 6, 6, 6, 3, 3, 3, 3), strict=True)
    for section in range(1, sections + 1)
)

BY_HAND = """HER2+ cannot be downloaded without you: its archives are locked with passwords that only the
provider's page states.
1. Open https://github.com/almaan/her2st (or Zenodo record 3957257) and take the count matrices, spot files,
   images and labels; the passwords of the 7z archives stand in that repository's README.
2. Unpack them so that these exist:
   {root}/her2st/data/ST-cnts/A1.tsv.gz
   {root}/her2st/data/ST-spotfiles/A1_selection.tsv
   {root}/her2st/data/ST-imgs/A/A1/<any name>.jpg
   {root}/her2st/data/ST-pat/lbl/A1_labeled_coordinates.tsv   (labels, optional)
3. Run: stbench datasets   (it says which slides are complete; two suffice to begin)"""


class Her2(Dataset):
    """36 sections of 8 patients; those whose counts, spots and image are all there are used."""

    name = "her2"
    folders = ("her2st",)
    honours = frozenset({"drop_outside", "um_per_px"})

    def slides(self, root: Path) -> list[SlideSource]:
        """The complete slides; DatasetError where fewer than two are, or an image folder is ambiguous."""
        layout = self._layout(root)
        for slide in SLIDES:
            if len(images := layout.images(slide)) > 1:
                raise DatasetError(
                    f"{images[0].parent} holds several images: {_names(images)}; keep {slide}'s."
                )
        sources = [_source(layout, slide, self.reading) for slide in SLIDES if not layout.lacks(slide)]
        if len(sources) < 2:
            lacking = "; ".join(f"{slide} lacks {what}" for slide, what in self.missing(root).items())
            raise DatasetError(
                f"Dataset her2 at {layout.data} has {len(sources)} complete slides and needs at least two: "
                f"{lacking}. Add the files (stbench datasets fetch her2 says where they come from)."
            )
        return sources

    def missing(self, root: Path) -> dict[str, str]:
        """Slides that are not complete and what each lacks."""
        layout = self._layout(root)
        return {slide: lacks for slide in SLIDES if (lacks := layout.lacks(slide))}

    def remote_files(self, folder: Path) -> list[RemoteFile]:
        """DatasetError that says where a person downloads the files and where to place them."""
        raise DatasetError(BY_HAND.format(root=folder.parent))

    def copy_scrambled(self, root: Path, slide: str, to: Path, seed: int) -> None:
        """Copy the complete slides to `to`, the counts of `slide` replaced by noise; images are linked."""
        layout = self._layout(root)
        sources = {source.id: source for source in self.slides(root)}
        if slide not in sources:
            raise DatasetError(
                f"her2 has no complete slide {slide!r} here; complete are {', '.join(sources)}."
            )
        if (to / "data").resolve() == layout.data.resolve():
            raise DatasetError(f"A scrambled copy must not overwrite the data: {to} is where they lie.")
        for source in sources.values():
            for path in source.files.values():
                copy_file(path, to / "data" / layout.place(path))
        counts = sources[slide].files["counts"]
        write_noise_table(counts, to / "data" / layout.place(counts), seed)

    def _layout(self, root: Path) -> Layout:
        return Layout(
            _data_folder(self.locate(root, "her2", lambda place: _data_folder(place).is_dir())).parent
        )


def _data_folder(place: Path) -> Path:
    """The folder of count matrices below `place`, which may itself be the provider's `data` folder."""
    nested = place / "data" / "ST-cnts"
    return nested if nested.is_dir() else place / "ST-cnts"


class Layout(NamedTuple):
    """Paths of the provider's files below its `data` folder."""

    data: Path

    def counts(self, slide: str) -> Path | None:
        return first_file(self.data / "ST-cnts" / f"{slide}.tsv.gz", self.data / "ST-cnts" / f"{slide}.tsv")

    def spots(self, slide: str) -> Path | None:
        return first_file(self.data / "ST-spotfiles" / f"{slide}_selection.tsv")

    def labels(self, slide: str) -> Path | None:
        # The repository's README places the labels under res/, the repository itself under data/.
        name = Path("ST-pat", "lbl", f"{slide}_labeled_coordinates.tsv")
        return first_file(self.data / name, self.data.parent / "res" / name)

    def images(self, slide: str) -> list[Path]:
        """The jpg files in the slide's image folder; exactly one would be right."""
        folder = self.data / "ST-imgs" / slide[0] / slide
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        return [path for path in found if path.suffix.lower() in (".jpg", ".jpeg") and path.name[0] != "."]

    def files(self, slide: str) -> dict[str, Path | None]:
        images = self.images(slide)
        return {
            "counts": self.counts(slide),
            "spots": self.spots(slide),
            "image": images[0] if len(images) == 1 else None,
            "labels": self.labels(slide),
        }

    def lacks(self, slide: str) -> str:
        """What the slide lacks to be complete, in words; "" where it is complete."""
        files, images = self.files(slide), self.images(slide)
        several = f", which holds several: {_names(images)}" if images else ""
        needed = {
            "counts": f"counts (ST-cnts/{slide}.tsv.gz)",
            "spots": f"spots (ST-spotfiles/{slide}_selection.tsv)",
            "image": f"one image (a jpg in ST-imgs/{slide[0]}/{slide}{several})",
        }
        return ", ".join(words for name, words in needed.items() if files[name] is None)

    def place(self, path: Path) -> Path:
        """Where `path` belongs relative to a `data` folder."""
        base = self.data if path.is_relative_to(self.data) else self.data.parent / "res"
        return path.relative_to(base)


def _names(paths: list[Path]) -> str:
    return ", ".join(path.name for path in paths)


def _source(layout: Layout, slide: str, reading: ReadingOptions) -> SlideSource:
    files = {name: path for name, path in layout.files(slide).items() if path is not None}
    return SlideSource(slide, slide[0], files, partial(read_slide, slide, files, reading))
