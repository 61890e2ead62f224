"""Whether a model may have seen a slide: by what the slide is made of, not by what it is called.

Two slides are one where the counts agree in all their totals, or the image byte for byte. A name proves nothing: two
data sets may both have an A1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np

from stbench.files import hash_file
from stbench.models.model_card import SlideContent, TrainingData
from stbench.slide import Slide

# "patient": not the slide itself, but another of its patient.
Verdict = Literal["yes", "patient", "unknown", "no"]


def content_of(slide: Slide) -> SlideContent:
    """Hashes by which a slide is known again; the order of spots and genes, and genes never counted, do not matter."""
    of_genes = np.asarray(slide.counts.sum(axis=0)).reshape(-1)
    counted = sorted((gene, int(n)) for gene, n in zip(slide.genes, of_genes, strict=True) if n)
    text = repr((counted, sorted(np.asarray(slide.totals).tolist())))
    counts = hashlib.sha256(text.encode()).hexdigest() if counted else ""
    return SlideContent(slide=slide.id, patient=slide.patient, counts=counts, image=hash_file(slide.image))


def seen_by_content(data: TrainingData, dataset: str, slides: Iterable[Slide]) -> dict[str, Verdict]:
    """Slide -> whether it, or its patient, is among the training slides of a model.

    dataset  what the slides are of: patients of one name are one person within a data set only
    slides   all slides of the data set, so that a patient is known by any of them
    "unknown" of models that hold no hashes, and of a slide that is called like a training slide of the same data set
    without being it.
    """
    here = [content_of(slide) for slide in slides]
    same_data = dataset == data.dataset
    known = {digest for one in data.contents for digest in (one.counts, one.image)} - {""}
    same = {one.slide for one in here if known & {one.counts, one.image}}
    patients = {one.patient for one in here if one.slide in same}
    patients |= {one.patient for one in data.contents} if same_data else set()

    def verdict(one: SlideContent) -> Verdict:
        if one.slide in same:
            return "yes"
        if not data.contents or (same_data and one.slide in data.slides):
            return "unknown"
        return "patient" if one.patient is not None and one.patient in patients else "no"

    return {one.slide: verdict(one) for one in here}


def seen_as_declared(
    datasets: Mapping[str, Sequence[str]] | None, dataset: str, slides: Iterable[str]
) -> dict[str, Verdict]:
    """Slide -> whether it is among what a card declares, by name.

    datasets  data set -> its slides that were trained on, none named for all; None where nobody knows
    """
    if datasets is None:
        return dict.fromkeys(slides, "unknown")
    of_this = datasets.get(dataset)
    if of_this is None:
        return dict.fromkeys(slides, "no")
    return {slide: "yes" if not of_this or slide in of_this else "no" for slide in slides}
