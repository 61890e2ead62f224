"""One section under two names is told by its spots' profiles, and sections beside each other in a tissue are not."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from tiny_slides import make_slide

from stbench.commands.choosing import find_slides
from stbench.commands.inspecting.profiles import ONE_SECTION, Profiles, hashed, likeness, profiles_of
from stbench.slide import Slide

N_SPOTS, N_GENES = 36, 400


def section(folder: Path, seed: int, regions: bool = False) -> Slide:
    """36 spots with 400 genes of a few counts each; with `regions`, one half of the array is another tissue."""
    rng, slide = np.random.default_rng(seed), make_slide(folder, "S1", "A", 0)
    tissues = np.random.default_rng(99).gamma(1.0, 3.0, (2, N_GENES))
    rates = tissues[np.where(slide.array_row_column[:, 0] > 2, int(regions), 0)]
    counts = sparse.csr_matrix(rng.poisson(rates))
    return replace(slide, counts=counts, genes=tuple(f"G{i}" for i in range(N_GENES)))


def profiles(slide: Slide) -> Profiles:
    return profiles_of(slide, hashed(slide.genes))


def thinned(slide: Slide, share: float) -> Slide:
    counts = slide.counts.copy()
    counts.data = np.random.default_rng(5).binomial(counts.data, share)
    return replace(slide, counts=counts)


def test_a_section_is_itself_in_any_order_under_any_name_and_with_fewer_molecules(tmp_path: Path):
    slide = section(tmp_path, 1)
    spots, genes = (
        np.random.default_rng(2).permutation(N_SPOTS),
        np.random.default_rng(3).permutation(N_GENES),
    )
    shuffled = replace(
        slide,
        spot_ids=tuple(f"other{i}" for i in range(N_SPOTS)),
        pixel_xy=slide.pixel_xy[spots],
        array_row_column=slide.array_row_column[spots],
        counts=slide.counts[spots][:, genes],
        genes=tuple(slide.genes[i] for i in genes),
    )
    assert likeness(profiles(slide), profiles(shuffled)) == pytest.approx(1, abs=1e-5)
    assert likeness(profiles(slide), profiles(thinned(slide, 0.5))) > 0.6


def test_sections_of_the_same_tissue_regions_are_two(tmp_path: Path):
    one, other = section(tmp_path, 1, regions=True), section(tmp_path, 2, regions=True)
    as_they_are = [np.log1p(slide.counts.toarray()) for slide in (one, other)]
    centred = [values - values.mean(axis=0) for values in as_they_are]
    assert np.corrcoef(centred[0].ravel(), centred[1].ravel())[0, 1] > 0.3  # what they share of the tissue
    assert abs(likeness(profiles(one), profiles(other))) < 0.2


def test_too_few_positions_in_common_tell_nothing(tmp_path: Path):
    slide = section(tmp_path, 1)
    elsewhere = replace(slide, array_row_column=np.add(slide.array_row_column, (3, 0)))
    assert likeness(profiles(slide), profiles(elsewhere)) == 0  # three rows of six in common


def test_replicates_of_real_tissue_are_far_from_being_one(shared_data: Path, shared_cache: Path):
    for dataset in ("her2", f"path:{shared_data / 'mob_stahl'}"):
        slides = [source.read() for source in find_slides(dataset, shared_data)[0]]
        kept = [profiles(slide) for slide in slides]
        assert max(likeness(one, other) for one, other in itertools.combinations(kept, 2)) < 0.1
        assert likeness(kept[0], profiles(thinned(slides[0], 0.5))) > 0.7 > ONE_SECTION
