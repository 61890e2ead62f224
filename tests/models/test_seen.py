"""A slide is known again by what it is made of, whatever it is called and however it is ordered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scipy import sparse

from stbench.models.model_card import TrainingData
from stbench.models.seen import content_of, seen_as_declared, seen_by_content
from stbench.slide import Slide


@pytest.fixture
def slide(tmp_path):
    def make(name: str, patient: str | None, seed: int) -> Slide:
        random, image = np.random.default_rng(seed), tmp_path / f"{name}-{seed}.png"
        Image.fromarray(random.integers(0, 255, (9, 9, 3), dtype=np.uint8)).save(image)
        counts = sparse.csr_matrix(random.integers(0, 9, (5, 4)))
        places = np.arange(10).reshape(5, 2)
        return Slide(name, patient, "ST", image, tuple("abcde"), places * 1.0, places, counts, tuple("WXYZ"))

    return make


def data_of(dataset: str, *slides: Slide, hashed: bool = True) -> TrainingData:
    contents = tuple(map(content_of, slides)) if hashed else ()
    names = tuple(slide.id for slide in slides)
    return TrainingData(
        dataset=dataset, slides=names, terms="", citation="", platform="ST", contents=contents
    )


def test_renamed_reordered_and_with_another_image_it_is_the_same_slide(slide):
    trained, other = slide("A1", "A", 1), slide("A1", "A", 2)
    order, genes = [3, 1, 0, 4, 2], [2, 0, 3, 1]
    copied = replace(
        trained,
        id="copy",
        patient="P9",
        image=other.image,
        counts=trained.counts[order][:, genes],
        genes=tuple(trained.genes[i] for i in genes),
    )
    sibling, stranger = replace(slide("S", "P9", 3)), slide("T", "P8", 4)
    found = seen_by_content(data_of("first", trained), "second", [copied, sibling, stranger])
    assert found == {"copy": "yes", "S": "patient", "T": "no"}


def test_an_image_alone_gives_it_away(slide):
    trained, other = slide("A1", "A", 1), slide("B1", None, 2)
    assert seen_by_content(data_of("first", trained), "second", [replace(other, image=trained.image)]) == {
        "B1": "yes"
    }


def test_names_prove_nothing_across_data_sets_and_patients_count_within_one(slide):
    trained, new = slide("A1", "A", 1), slide("A1", "A", 2)
    assert seen_by_content(data_of("first", trained), "second", [new]) == {"A1": "no"}
    assert seen_by_content(data_of("first", trained), "first", [replace(new, id="A2")]) == {"A2": "patient"}
    assert seen_by_content(data_of("first", trained), "first", [new]) == {"A1": "unknown"}
    assert seen_by_content(data_of("first", trained, hashed=False), "second", [new]) == {"A1": "unknown"}


def test_what_a_card_declares_goes_by_name():
    assert seen_as_declared(None, "her2", ["A1"]) == {"A1": "unknown"}
    assert seen_as_declared({"her2": ()}, "her2", ["A1", "B1"]) == {"A1": "yes", "B1": "yes"}
    assert seen_as_declared({"her2": ("B1",)}, "her2", ["A1", "B1"]) == {"A1": "no", "B1": "yes"}
    assert seen_as_declared({"cscc": ()}, "her2", ["A1"]) == {"A1": "no"}
