"""Every slide of a dataset read, judged and drawn, one after the other; then all held against each other."""

from __future__ import annotations

import contextlib
import logging
import re
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from stbench import registry
from stbench.commands.choosing import slides_on_disk
from stbench.contract import READ_AS_IS, Dataset, DatasetCard, ReadingOptions, SlideSource, UnmeasuredSlide
from stbench.errors import StbenchError
from stbench.evaluation.design import Design
from stbench.files import make_folder
from stbench.names import cleaned, file_name
from stbench.slide import Slide

from .comparing import Comparison, compared
from .findings import differences_from_card, doubtful_places, n_labelled, n_scored
from .fingerprints import Fingerprint, fingerprint_of
from .images_used import ImageUsed, image_used
from .pictures import draw_spots, picture_of
from .published_patches import doubtful_patches

_READERS = "stbench"
# What joining.py says of spots that were left out.
_OUTSIDE = re.compile(r"(\d+) of \d+ spots lie outside ")


class SlideReport(NamedTuple):
    """What was found in a slide.

    status        PASS; WARN: usable, but look at it; IMAGE: no expression, to predict only; FAIL: cannot be read;
                  MISSING: files are not there
    scored        spots with enough counts to be scored, at the default of --min-counts
    scale_source  what tells microns_per_pixel, in words
    outside       spots that lie outside the image and were left out
    problem       why it is not PASS
    warnings      what the reader fell back on or left out
    picture       the PNG file that shows its spots
    notes         what the readers said while they read it: spots left out, genes renamed
    fingerprint   what it is held against the other slides by
    trace         the traceback of an error that nobody foresaw
    """

    slide: str
    status: Literal["PASS", "WARN", "IMAGE", "FAIL", "MISSING"]
    patient: str | None = None
    platform: str | None = None
    spots: int | None = None
    scored: int | None = None
    genes: int | None = None
    labelled: int | None = None
    image: ImageUsed | None = None
    microns_per_pixel: float | None = None
    scale_source: str = ""
    outside: int = 0
    problem: str = ""
    warnings: tuple[str, ...] = ()
    picture: Path | None = None
    notes: tuple[str, ...] = ()
    fingerprint: Fingerprint | None = None
    trace: str = ""


def inspect_slides(
    dataset: str,
    data_root: Path | None,
    folder: Path,
    reading: ReadingOptions = READ_AS_IS,
) -> Iterator[SlideReport]:
    """A report per slide as soon as it is read, then one per slide that is missing; pictures go to `folder`.

    Whatever goes wrong with one slide is in its report. Raises DatasetError where the dataset is not there,
    UsageError where it cannot follow an option of `reading`, StorageError where the folder cannot be written.
    """
    found = slides_on_disk(dataset, data_root, reading)
    card = registry.dataset_card(registry.find("dataset", dataset).name)
    plugin = registry.load_dataset(registry.find("dataset", dataset).name)()
    make_folder(folder)
    for source in found.complete:
        yield _inspected(source, plugin, card, folder / f"{file_name(source.id)}.png")
    for bare in found.unmeasured:
        yield _inspected_image(bare, card.generated, folder / f"{file_name(bare.id)}.png")
    for slide, lacks in found.missing.items():
        yield SlideReport(slide, "MISSING", problem=f"lacks {lacks}")


def _inspected(source: SlideSource, plugin: Dataset, card: DatasetCard, path: Path) -> SlideReport:
    """The slide's report; one that fails says why, and everything else goes on."""
    with _heard() as notes:
        report = SlideReport(source.id, "FAIL", source.patient)
        try:
            slide = source.read()
            report = _read(slide, source)
            picture = picture_of(slide)
            doubts = [
                *doubtful_patches(slide, plugin.published_patches(slide)),
                *differences_from_card(slide, card.expected.get(source.id)),
                *doubtful_places(slide, picture),
            ]
            draw_spots(slide, picture, path, card.generated)
        except (
            Exception
        ) as error:  # of a reader, of a plugin, of the drawing: the other slides are looked at all the same
            return _failed(report, error)._replace(notes=tuple(notes))
    problem = "; ".join((*doubts, *slide.warnings))
    status = "WARN" if problem else "PASS"
    return report._replace(status=status, problem=problem, picture=path, notes=tuple(notes))


def _inspected_image(bare: UnmeasuredSlide, synthetic: bool, path: Path) -> SlideReport:
    """The report of a slide without expression: its image opened, its spots, if any, read and drawn."""
    with _heard() as notes:
        report = SlideReport(bare.id, "FAIL")
        try:
            slide = bare.read() if bare.read is not None else None
            used = image_used(slide.image if slide else bare.image, {"image": bare.image})
            report = report._replace(image=used, microns_per_pixel=bare.microns)
            doubts = []
            if slide is not None:
                picture = picture_of(slide)
                doubts = [*doubtful_places(slide, picture), *slide.warnings]
                draw_spots(slide, picture, path, synthetic)
                report = _with_spots(report, slide)._replace(picture=path)
        except Exception as error:  # as of a slide with expression
            return _failed(report, error)._replace(notes=tuple(notes))
    problem = "; ".join((bare.words, *doubts))
    return report._replace(status="IMAGE", problem=problem, notes=tuple(notes))


def _with_spots(report: SlideReport, slide: Slide) -> SlideReport:
    return report._replace(
        patient=slide.patient,
        platform=slide.platform,
        spots=slide.n_spots,
        microns_per_pixel=slide.microns_per_pixel,
        scale_source=slide.scale_source,
        warnings=slide.warnings,
    )


def _read(slide: Slide, source: SlideSource) -> SlideReport:
    """What the slide itself tells, before anything is drawn."""
    outside = (found for words in slide.warnings if (found := _OUTSIDE.match(words)))
    return SlideReport(
        slide=source.id,
        status="FAIL",
        patient=slide.patient,
        platform=slide.platform,
        spots=slide.n_spots,
        scored=n_scored(slide, Design.min_counts),
        genes=len(slide.genes),
        labelled=n_labelled(slide),
        image=image_used(slide.image, source.files),
        microns_per_pixel=slide.microns_per_pixel,
        scale_source=slide.scale_source,
        outside=sum(int(found[1]) for found in outside),
        warnings=slide.warnings,
        fingerprint=fingerprint_of(slide),
    )


def _failed(report: SlideReport, error: Exception) -> SlideReport:
    """The report of a slide that an error ended, in one sentence."""
    if isinstance(error, StbenchError):
        return report._replace(problem=str(error), fingerprint=None)
    words = cleaned(str(error)).rstrip(".")
    return report._replace(
        problem=f"an error that nobody foresaw, {type(error).__name__}{f' ({words})' if words else ''}; "
        "--debug shows where",
        fingerprint=None,
        trace="".join(traceback.format_exception(error)),
    )


class Verdict(NamedTuple):
    """The slides once they were held against each other, what they have in common, and what concerns them all."""

    slides: list[SlideReport]
    comparison: Comparison
    problems: list[str]


def judged_together(dataset: str, reports: Sequence[SlideReport]) -> Verdict:
    """The reports, with a warning at each slide whose array lies turned over; sentences on the dataset as a whole."""
    comparison = _comparison([report.fingerprint for report in reports if report.fingerprint is not None])
    warned = [_also(report, comparison.reversed.get(report.slide, "")) for report in reports]
    problems = [*problems_of_dataset(dataset, reports), *comparison.problems]
    return Verdict(warned, comparison, problems + [words for *_, words in comparison.duplicates])


def _comparison(slides: Sequence[Fingerprint]) -> Comparison:
    """The slides compared; where that fails, the sentence why, since what was read is to be reported all the same."""
    try:
        return compared(slides)
    except Exception as error:
        words = cleaned(str(error)).rstrip(".")
        return Comparison(
            None, (), {}, (f"the slides could not be compared ({type(error).__name__}: {words})",)
        )


def _also(report: SlideReport, problem: str) -> SlideReport:
    if not problem or report.status == "FAIL":
        return report
    return report._replace(status="WARN", problem="; ".join(filter(None, (report.problem, problem))))


def problems_of_dataset(dataset: str, reports: Sequence[SlideReport]) -> list[str]:
    """Sentences on where the dataset as a whole differs from its card."""
    card = registry.dataset_card(registry.find("dataset", dataset).name)
    there = [report for report in reports if report.status not in ("MISSING", "IMAGE")]
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
