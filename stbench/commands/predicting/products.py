"""Embeddings and patches of a slide to predict, cut at the scale of the training slides and lent to a trial as files.

The image is read region by region and nothing of it is kept: patches that are only embedded are on no disk, and what
a method asks for itself lies in a scratch folder for as long as it predicts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stbench.commands.predicting.query_slides import Query
from stbench.errors import EncoderError
from stbench.evaluation.trials.handouts import Handout, MappedArray
from stbench.models.model_card import ModelCard
from stbench.models.scale import scale_factor
from stbench.pictures.opening import open_image
from stbench.pictures.regions import SlideImage
from stbench.preprocess.encoders import encoder_identity, load_encoder
from stbench.preprocess.patches import PatchSize, cut_in_blocks
from stbench.slide import Slide

BATCH = 32

Embed = Callable[[np.ndarray], np.ndarray]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Encoding:
    """The encoder that a model was trained with, loaded."""

    embed: Embed
    width: int

    @classmethod
    def of(cls, card: ModelCard, width: int, device: str) -> Encoding:
        """EncoderError where its weights are not at hand, or are others than the model knows."""
        name = str(card.encoder.get("encoder"))
        if encoder_identity(name) != card.encoder:
            raise EncoderError(
                f"The encoder {name} here is not the one that the model was trained with: its weights or its transform "
                "differ; install those, or fit the model again."
            )
        return cls(load_encoder(name, device), width)


class Products:
    """Makes what a trial is handed of a slide.

    folder    scratch, for as long as the handouts are used
    encoding  None for a method that takes no embeddings
    """

    def __init__(self, card: ModelCard, folder: Path, encoding: Encoding | None):
        self.card, self.folder, self.encoding = card, folder, encoding

    def handouts(self, query: Query, progress: Progress = lambda done, total: None) -> Iterator[Handout]:
        """One for each region of the slide, as the method sees it: under an opaque name, at the training scale.

        A region is made when it is asked for, so that the files of one are deleted before those of the next are there.
        """
        done = 0
        with open_image(query.slide.image) as image:
            for number, region in enumerate(query.regions):
                ahead = done
                yield self._handout(
                    image,
                    query.slide,
                    region,
                    number,
                    lambda n, ahead=ahead: progress(ahead + n, query.slide.n_spots),
                )
                done += len(region)

    def _handout(
        self,
        image: SlideImage,
        slide: Slide,
        spots: np.ndarray,
        number: int,
        progress: Callable[[int], None],
    ) -> Handout:
        xy, needs = slide.pixel_xy[spots], self.card.needs
        embeddings = None
        if needs.embeddings and self.encoding is not None:
            path = self.folder / f"{number}-embeddings.npy"
            np.save(path, self.embedded(image, slide, xy, progress))
            embeddings = MappedArray(path)
        patches = {
            edge: self._patches(image, slide, xy, PatchSize(edge, output_pixels=needs.resized_to), number)
            for edge in needs.patches
        }
        if not needs.embeddings:
            progress(len(spots))
        factor = scale_factor(slide, self.card)
        microns = slide.microns_per_pixel if factor == 1 else self.card.data.microns_per_pixel
        facts = {"id": f"query-{number}", "platform": slide.platform, "microns_per_pixel": microns}
        arrays = {"pixel_xy": xy * factor, "array_row_column": slide.array_row_column[spots]}
        return Handout(False, facts, arrays, embeddings, patches)

    def embedded(
        self,
        image: SlideImage,
        slide: Slide,
        xy: np.ndarray,
        progress: Callable[[int], None] = lambda n: None,
    ) -> np.ndarray:
        """(n, width) float32 embeddings of the patches around these places, a batch at a time."""
        assert self.encoding is not None, "asked for where there is an encoder only"
        patch = self.card.patch
        size = PatchSize(patch.pixels, patch.microns, patch.output_pixels)
        found, done = np.empty((len(xy), self.encoding.width), dtype=np.float32), 0
        for numbers, patches in self._blocks(image, slide, xy, size):
            found[numbers] = self.encoding.embed(patches)
            done += len(numbers)
            progress(done)
        return found

    def _patches(
        self, image: SlideImage, slide: Slide, xy: np.ndarray, size: PatchSize, number: int
    ) -> MappedArray:
        path, output = self.folder / f"{number}-patches-{size.pixels}.npy", size.output_on(slide)
        header = {"descr": "|u1", "fortran_order": False, "shape": (len(xy), output, output, 3)}
        with path.open("wb") as file:  # written, not mapped: a full disk is an error there and a crash here
            np.lib.format.write_array_header_1_0(file, header)
            start = file.tell()
            for numbers, patches in self._blocks(image, slide, xy, size):
                for spot, patch in zip(numbers.tolist(), patches, strict=True):
                    file.seek(start + spot * patch.nbytes)
                    file.write(patch.tobytes())
        return MappedArray(path)

    def _blocks(
        self, image: SlideImage, slide: Slide, xy: np.ndarray, size: PatchSize
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Patches that show as much tissue as those of the training slides did, in as many pixels."""
        edge = size.edge_on(slide)
        if size.microns is None:
            edge = max(1, round(edge / scale_factor(slide, self.card)))
        return cut_in_blocks(image, xy, edge, size.output_on(slide), BATCH)


def sum_of_embeddings(handout: Handout) -> np.ndarray | None:
    """(d,) sum over a region's spots, None where no embeddings were made."""
    if handout.embeddings is None:
        return None
    return np.asarray(np.sum(handout.embeddings.open(), axis=0, dtype=np.float64))


def discard(handout: Handout) -> None:
    """Delete the files of a handout that was used."""
    for mapped in (handout.embeddings, *handout.patches.values()):
        if mapped is not None:
            mapped.path.unlink(missing_ok=True)
