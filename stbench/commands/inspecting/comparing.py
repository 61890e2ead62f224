"""The slides of a data set held against each other: genes in common, scales, duplicates, arrays turned over."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from itertools import combinations
from typing import NamedTuple

from stbench.files import hash_file
from stbench.slide_files.gene_names import gene_kinds
from stbench.slide_files.scale import differing_scales

from .fingerprints import Fingerprint
from .orientation import turned_over
from .profiles import ONE_SECTION, likeness


class Comparison(NamedTuple):
    """What slides have in common and where they contradict each other.

    genes_shared  genes that all slides have, None below two slides
    duplicates    names of two slides, "counts", "image" or "section", and a sentence on them
    reversed      slide -> a sentence on how its array lies on its image, unlike the others'
    problems      sentences on all slides together
    """

    genes_shared: int | None
    duplicates: tuple[tuple[str, str, str, str], ...]
    reversed: dict[str, str]
    problems: tuple[str, ...]


def compared(slides: Sequence[Fingerprint]) -> Comparison:
    """Every slide held against every other; StorageError where an image can no longer be read."""
    shared = len(_genes_of_all(slides)) if len(slides) > 1 else None
    problems = [gene_kinds(slides), differing_scales({slide.id: slide.microns_per_pixel for slide in slides})]
    return Comparison(
        genes_shared=shared,
        duplicates=tuple(_duplicates(slides)),
        reversed=turned_over(
            {slide.id: slide.orientation for slide in slides}, {slide.id: slide.platform for slide in slides}
        ),
        problems=tuple(filter(None, problems)),
    )


def _genes_of_all(slides: Sequence[Fingerprint]) -> set[str]:
    return set(slides[0].genes).intersection(*(slide.genes for slide in slides[1:]))


def _duplicates(slides: Sequence[Fingerprint]) -> Iterable[tuple[str, str, str, str]]:
    """Pairs of slides that are one, by the surest sign of it."""
    by_name = {slide.id: slide for slide in slides}
    images = _alike((slide.id, image) for slide, image in _hashed_images(slides))
    counts = _alike((slide.id, slide.counts) for slide in slides)
    for one, other in combinations(by_name, 2):
        names = _both(by_name[one], by_name[other])
        if (one, other) in counts:
            yield one, other, "counts", f"{names} have the same counts: one section under two names"
        elif (alike := likeness(by_name[one].profiles, by_name[other].profiles)) >= ONE_SECTION:
            yield (
                *(one, other, "section"),
                f"{names} look like one section under two names: what their spots have of their own correlates by "
                f"{alike:.2f} at equal array positions, two sections by 0.1 at most",
            )
        if (one, other) in images:
            yield one, other, "image", f"{names} have the same image, byte for byte"


def _both(one: Fingerprint, other: Fingerprint) -> str:
    names = f"{one.id} and {other.id}"
    if None in (one.patient, other.patient) or one.patient == other.patient:
        return names
    return f"{names} (patients {one.patient} and {other.patient})"


def _hashed_images(slides: Sequence[Fingerprint]) -> Iterable[tuple[Fingerprint, str]]:
    """The hashes of those images that have as many bytes as another slide's; the others cannot be the same."""
    sizes = [slide.image_size for slide in slides]
    return ((slide, hash_file(slide.image)) for slide in slides if sizes.count(slide.image_size) > 1)


def _alike(values: Iterable[tuple[str, Hashable]]) -> set[tuple[str, str]]:
    """The pairs of names, in their order, that have the same value."""
    return {(one, other) for (one, a), (other, b) in combinations(values, 2) if a == b}
