"""Spots' profiles, small enough to be kept of every slide: two slides that show one section are told by them.

Sections that lie beside each other in a tissue share its regions, and no two share what is a spot's own: the noise of
its own molecules. So a profile is what a spot has that its neighbours on the array have not. Where two slides are one
section, whatever its spots, its patient or its pipeline are called, profiles at equal array positions correlate.

Measured: 0.05 at most over all 630 pairs of the 36 HER2+ sections and 0.02 over the three of the mouse olfactory bulb,
replicates of one patient included; a section against itself with half of its molecules taken away at random 0.71 to
0.87, with every second gene left out 0.70. Halves that have no molecule in common are not told (0.04 to 0.57).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from stbench.slide import Slide

# Numbers that a profile is folded to, and spots kept of a slide: half a MiB a slide.
_WIDTH = 128
_MOST_SPOTS = 1_024
_NEIGHBOURS = 6
# The least correlation of one section under two names, and the fewest positions in common to tell it from chance.
ONE_SECTION = 0.4
_FEWEST_POSITIONS = 20


class Profiles(NamedTuple):
    """Array positions (k, 2) whole numbers, row then column, and the profiles there, (k, width) float32."""

    positions: np.ndarray
    folded: np.ndarray


def profiles_of(slide: Slide, genes: np.ndarray) -> Profiles:
    """The profiles of at most 1,024 spots, the same array positions on every slide.

    `genes` are the hashes of the slide's genes, see `hashed`.
    """
    positions, first = np.unique(np.rint(slide.array_row_column).astype(np.int64), axis=0, return_index=True)
    if len(positions) <= _NEIGHBOURS:
        return Profiles(positions[:0], np.empty((0, _WIDTH), np.float32))
    chosen = np.sort(np.argsort(_scattered(positions), kind="stable")[:_MOST_SPOTS])
    nearest = _nearest(positions, chosen)
    needed, places = np.unique(np.column_stack([chosen, nearest]), return_inverse=True)
    folded = _folded(slide, first[needed], genes)[places.reshape(len(chosen), -1)]
    return Profiles(positions[chosen], (folded[:, 0] - folded[:, 1:].mean(axis=1)).astype(np.float32))


def likeness(one: Profiles, other: Profiles) -> float:
    """Correlation of the profiles at the array positions that both have; 0 where these are too few to tell."""
    _, at_one, at_other = np.intersect1d(
        _packed(one.positions), _packed(other.positions), assume_unique=True, return_indices=True
    )
    if len(at_one) < _FEWEST_POSITIONS:
        return 0.0
    a, b = one.folded[at_one].astype(float), other.folded[at_other].astype(float)
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    size = np.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / size) if size > 0 else 0.0


def hashed(names: Sequence[str]) -> np.ndarray:
    """A number of 64 bits for each name, the same on every machine."""
    digests = b"".join(hashlib.blake2b(name.encode(), digest_size=8).digest() for name in names)
    return np.frombuffer(digests, dtype="<u8")


def _packed(positions: np.ndarray) -> np.ndarray:
    """A position as one number."""
    return positions[:, 0] * (1 << 32) + positions[:, 1]


def _scattered(positions: np.ndarray) -> np.ndarray:
    """A number for each position that depends on nothing else, so that the lowest ones are spread over the array."""
    mixed = _packed(positions).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    return mixed * np.uint64(0xBF58476D1CE4E5B9)


def _nearest(positions: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The nearest other positions of each of the chosen ones, by number."""
    from scipy.spatial import KDTree

    _, nearest = KDTree(positions).query(positions[chosen], k=_NEIGHBOURS + 1)
    return np.asarray(nearest)[:, 1:]


def _folded(slide: Slide, spots: np.ndarray, genes: np.ndarray) -> np.ndarray:
    """(spots, width) sums over genes of the logarithm of counts at equal depth, each gene with its sign and its place.

    Sums of products of two spots are kept, but for noise that vanishes over many spots.
    """
    from scipy import sparse

    counts = slide.counts[spots].astype(float)
    totals = np.maximum(np.asarray(counts.sum(axis=1)).ravel(), 1)
    counts.data *= np.repeat(np.median(totals) / totals, np.diff(counts.indptr))
    np.log1p(counts.data, out=counts.data)
    signs = np.where(genes >> np.uint64(63), 1.0, -1.0)
    fold = sparse.csr_matrix((signs, (np.arange(len(genes)), genes % _WIDTH)), (len(genes), _WIDTH))
    return (counts @ fold).toarray()
