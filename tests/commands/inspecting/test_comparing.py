"""Slides held against each other: the same counts, the same image, genes and scales in common."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from tiny_slides import make_slide

from stbench.commands.inspecting.comparing import compared
from stbench.commands.inspecting.fingerprints import fingerprint_of
from stbench.slide import Slide


def duplicates(*slides: Slide) -> list[tuple[str, str, str]]:
    return [found[:3] for found in compared([fingerprint_of(slide) for slide in slides]).duplicates]


def test_sound_slides_are_told_apart(tmp_path: Path):
    slides = [make_slide(tmp_path, f"S{seed}", "A", seed) for seed in range(3)]
    found = compared([fingerprint_of(slide) for slide in slides])
    assert (found.duplicates, found.reversed, found.problems) == ((), {}, ())
    assert found.genes_shared == len(slides[0].genes)


def test_the_same_counts_are_found_in_any_order_and_under_any_name(tmp_path: Path, cache: Path):
    slide, other = make_slide(tmp_path, "S1", "A", 0), make_slide(tmp_path, "S2", "B", 1)
    spots, genes = np.arange(36)[::-1], np.arange(len(slide.genes))[::-1]
    renamed = replace(
        other,
        spot_ids=tuple(f"other{i}" for i in range(36)),
        array_row_column=slide.array_row_column[spots],
        counts=slide.counts[spots][:, genes],
        genes=tuple(slide.genes[i] for i in genes),
    )
    (found,) = compared([fingerprint_of(slide), fingerprint_of(renamed)]).duplicates
    assert found[:3] == ("S1", "S2", "counts")
    assert found[3].startswith("S1 and S2 (patients A and B) have the same counts")
    one_more = slide.counts.copy()
    one_more.data[0] += 1
    assert [
        found[2] for found in duplicates(slide, replace(renamed, counts=one_more, genes=slide.genes))
    ] == []
    in_place = replace(slide, id="S2", image=other.image, counts=one_more)
    assert duplicates(slide, in_place) == [("S1", "S2", "section")]


def test_the_same_image_is_found_by_its_bytes(tmp_path: Path, cache: Path):
    slide, other = make_slide(tmp_path, "S1", "A", 0), make_slide(tmp_path, "S2", "A", 1)
    copy = tmp_path / "copy.png"
    copy.write_bytes(slide.image.read_bytes())
    assert duplicates(slide, replace(other, image=copy)) == [("S1", "S2", "image")]
    copy.write_bytes(slide.image.read_bytes()[:-1] + b"x")
    assert duplicates(slide, replace(other, image=copy)) == []


def test_genes_in_common_are_counted_and_kinds_and_scales_compared(tmp_path: Path):
    slide, other = make_slide(tmp_path, "S1", "A", 0), make_slide(tmp_path, "S2", "A", 1)
    fewer = replace(other, genes=("LONELY", *other.genes[1:]), microns_per_pixel=1.0)
    found = compared([fingerprint_of(replace(slide, microns_per_pixel=0.5)), fingerprint_of(fewer)])
    assert found.genes_shared == len(slide.genes) - 1
    (scales,) = found.problems
    assert "from 0.5 um (S1) to 1 um (S2)" in scales
    ensembl = replace(other, genes=tuple(f"ENSG{i:011d}" for i in range(len(other.genes))))
    found = compared([fingerprint_of(slide), fingerprint_of(ensembl)])
    assert found.genes_shared == 0 and "Ensembl identifiers" in found.problems[0]
    assert compared([fingerprint_of(slide)]).genes_shared is None
