"""What is kept of a slide after it was read, to hold it against the others: about a MiB, whatever the slide's size."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stbench.slide import Slide

from .orientation import Orientation, orientation_of
from .profiles import Profiles, hashed, profiles_of

if TYPE_CHECKING:
    from scipy import sparse

_SPOTS_AT_ONCE = 4_096


class Fingerprint(NamedTuple):
    """A slide's names and scale, its counts in one number, its spots' profiles, and how its array lies on its image.

    counts      SHA-256 of the counts whatever the order of spots and genes, and whatever the spots are called
    image       its file, image_size the bytes in it
    """

    id: str
    patient: str | None
    platform: str
    genes: tuple[str, ...]
    microns_per_pixel: float | None
    counts: str
    profiles: Profiles
    orientation: Orientation | None
    image: Path
    image_size: int


def fingerprint_of(slide: Slide) -> Fingerprint:
    """The slide, made small."""
    genes = hashed(slide.genes)
    return Fingerprint(
        id=slide.id,
        patient=slide.patient,
        platform=slide.platform,
        genes=tuple(map(sys.intern, slide.genes)),
        microns_per_pixel=slide.microns_per_pixel,
        counts=_hash_of_counts(slide, genes),
        profiles=profiles_of(slide, genes),
        orientation=orientation_of(slide),
        image=slide.image,
        image_size=slide.image.stat().st_size,
    )


def _hash_of_counts(slide: Slide, genes: np.ndarray) -> str:
    """Each spot's counts as one number modulo 2**64, sorted: a gene without counts and an order change nothing."""
    blocks = range(0, slide.n_spots, _SPOTS_AT_ONCE)
    spots = np.concatenate([_numbers(slide.counts[at : at + _SPOTS_AT_ONCE], genes) for at in blocks])
    return hashlib.sha256(np.sort(spots).tobytes()).hexdigest()


def _numbers(counts: sparse.csr_matrix, genes: np.ndarray) -> np.ndarray:
    """(n,) sums of counts times their genes' hashes, which wrap around as they may."""
    products = counts.data.astype(np.uint64) * genes[counts.indices]
    ends = np.concatenate([np.zeros(1, np.uint64), np.cumsum(products, dtype=np.uint64)])
    return ends[counts.indptr[1:]] - ends[counts.indptr[:-1]]
