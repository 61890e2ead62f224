"""Every slide of a dataset read, judged and drawn, one after the other."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from stbench import registry
from stbench.commands.choosing import find_slides
from stbench.contract import Dataset, DatasetCard, SlideSource
from stbench.errors import DatasetError
from stbench.names import file_name

from .findings import differences_from_card, doubtful_places, n_labelled
from .pictures import draw_spots, picture_of
from .published_patches import doubtful_patches

_READERS = "stbench"


class SlideReport(NamedTuple):
    """What was found in a slide.

    status   PASS; WARN: usable, but look at it; FAIL: cannot be read; MISSING: files are not there
    problem  why it is not PASS
    picture  the PNG file that shows its spots
    notes    what the readers said while they read it: spots left out, genes renamed
    """

    slide: str
    status: Literal["PASS", "WARN", "FAIL", "MISSING"]
    patient: str | None = None
    spots: int | None = None
    genes: int | None = None
    labelled: int | None = None
    problem: str = ""
    picture: Path | None = None
    notes: tuple[str, ...] = ()


def inspect_slides(dataset: str, data_root: Path | None, folder: Path) -> Iterator[SlideReport]:
    """A report per slide as soon as it is read, then one per slide that is missing; pictures go to `folder`.

    Raises DatasetError where the dataset is not there, StorageError where a picture cannot be written.
    """
    sources, missing = find_slides(dataset, data_root)
    card = registry.dataset_card(registry.find("dataset", dataset).name)
    plugin = registry.load_dataset(registry.find("dataset", dataset).name)()
    for source in sources:
        yield _inspected(source, plugin, card, folder / f"{file_name(source.id)}.png")
    for slide, lacks in missing.items():
        yield SlideReport(slide, "MISSING", problem=f"lacks {lacks}")


def _inspected(source: SlideSource, plugin: Dataset, card: DatasetCard, path: Path) -> SlideReport:
    with _heard() as notes:
        try:
            slide = source.read()
            picture = picture_of(slide)
            doubts = doubtful_patches(slide, plugin.published_patches(slide))
        except DatasetError as error:
            return SlideReport(source.id, "FAIL", source.patient, problem=str(error), notes=tuple(notes))
    doubts += differences_from_card(slide, card.expected.get(source.id)) + doubtful_places(slide, picture)
    draw_spots(slide, picture, path)
    return SlideReport(
        slide=source.id,
        status="WARN" if doubts else "PASS",
        patient=slide.patient,
        spots=slide.n_spots,
        genes=len(slide.genes),
        labelled=n_labelled(slide),
        problem="; ".join(doubts),
        picture=path,
        notes=tuple(notes),
    )


def problems_of_dataset(dataset: str, reports: Sequence[SlideReport]) -> list[str]:
    """Sentences on where the dataset as a whole differs from its card."""
    card = registry.dataset_card(registry.find("dataset", dataset).name)
    there = [report for report in reports if report.status != "MISSING"]
    problems = []
    if card.n_slides is not None and len(there) != card.n_slides:
        problems.append(f"{len(there)} slides are here; the card states {card.n_slides}")
    patients = {report.patient for report in there}
    if card.n_patients is not None and len(there) == card.n_slides and len(patients) != card.n_patients:
        problems.append(f"the slides are of {len(patients)} patients; the card states {card.n_patients}")
    if unknown := card.expected.keys() - {report.slide for report in reports}:
        problems.append(f"the card states facts of slides that do not exist: {', '.join(sorted(unknown))}")
    return problems


@contextlib.contextmanager
def _heard() -> Iterator[list[str]]:
    """What is logged inside, down to level INFO, as a list that grows."""
    heard: list[str] = []
    logger, handler = logging.getLogger(_READERS), logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield heard
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]
