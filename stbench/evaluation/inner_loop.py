"""The inner loop of an outer fold: which inner folds are fitted, and which of their slides judge for it.

With `pairs` one inner fold serves two outer ones. Slides are kept together in blocks, patients where at least four are
known, else single slides; for each pair {p, q} of blocks an inner fold trains on everything outside and predicts both:
q's slides judge for the outer folds that test on p, p's for those that test on q. Bates, Hastie and Tibshirani,
"Cross-validation: what does it estimate and how well does it do it?", JASA 2024, estimate from the same pairs.
Nothing behind an outer fold's choice was trained on, or judged by, a slide of its test block.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from stbench.evaluation.folds import LEAST_SLIDES_TO_TUNE, Fold, group_slides, inner_folds

KeptTogether = Literal["slide", "patient"]
# With fewer patients a pair would leave one patient to train on, or none.
LEAST_PATIENTS = 4


class InnerFold(NamedTuple):
    """What is fitted once, and which of its test slides judge for the outer fold at hand.

    kept_together  what a training slide's `group` is
    """

    fold: Fold
    judging: tuple[str, ...]
    kept_together: KeptTogether


class InnerLoop(NamedTuple):
    """The inner folds of one outer fold; `note` says what the loop had to do without, or does otherwise."""

    folds: tuple[InnerFold, ...]
    note: str = ""


def inner_loop(outer: Fold, patients: Mapping[str, str | None], split: str, inner: str) -> InnerLoop:
    """The inner loop of an outer fold of that split over slides whose patients are given.

    inner  "pairs", "all" (each group of the training slides is left out in turn), "none", or a number of folds
    """
    if inner != "pairs":
        return _literal(outer, patients, split, inner)
    if len(patients) <= LEAST_SLIDES_TO_TUNE:  # a pair would leave a single slide to train on
        return _literal(outer, patients, split, "all")
    blocks = blocks_of(patients)
    if split == "patient" and blocks_are_slides(blocks):
        loop = _literal(outer, patients, split, "all")
        note = f"tuned on its own training slides alone: fewer than {LEAST_PATIENTS} patients"
        return loop._replace(note="; ".join(filter(None, (note, loop.note))))
    return InnerLoop(tuple(_pairs(blocks[outer.test[0]], blocks)))


def inner_as_done(outer: Sequence[Fold], patients: Mapping[str, str | None], split: str, inner: str) -> str:
    """The inner loop by what will be done: more folds than any outer fold can make are "all"."""
    if not inner.isdecimal():
        return inner
    most = max(len(_literal(fold, patients, split, "all").folds) for fold in outer)
    return "all" if int(inner) > most > 0 else inner


def blocks_of(patients: Mapping[str, str | None]) -> dict[str, str]:
    """slide -> block: its patient where at least four are known and every slide's is, else the slide itself."""
    known = {slide: patient for slide, patient in patients.items() if patient is not None}
    if len(known) < len(patients) or len(set(known.values())) < LEAST_PATIENTS:
        return {slide: slide for slide in patients}
    return known


def blocks_are_slides(blocks: Mapping[str, str]) -> bool:
    """Whether each slide is a block of its own, for want of patients."""
    return all(slide == block for slide, block in blocks.items())


def _pairs(own: str, blocks: Mapping[str, str]) -> list[InnerFold]:
    """The pairs of the block `own` with every other block, judged by the other's slides."""
    together: KeptTogether = "slide" if blocks_are_slides(blocks) else "patient"
    names = list(dict.fromkeys(blocks.values()))
    found = []
    for other in names:
        if other != own:
            held = sorted((own, other), key=names.index)
            train = tuple(slide for slide, block in blocks.items() if block not in held)
            test = tuple(slide for slide, block in blocks.items() if block in held)
            judging = tuple(slide for slide, block in blocks.items() if block == other)
            found.append(InnerFold(Fold("+".join(held), train, test), judging, together))
    return found


def _literal(outer: Fold, patients: Mapping[str, str | None], split: str, inner: str) -> InnerLoop:
    """The same kind of split over the outer training slides only, on the outer fold's gene panel."""
    groups = group_slides(patients, split)
    together: KeptTogether = "patient" if split == "patient" else "slide"
    found = inner_folds(outer.train, groups, inner)
    panel = outer.panel_slides or outer.train
    return InnerLoop(
        tuple(InnerFold(fold._replace(panel_slides=panel), fold.test, together) for fold in found.folds),
        found.note,
    )


def grouping(patients: Mapping[str, str | None], together: KeptTogether) -> dict[str, str]:
    """slide -> what it is kept together with."""
    return {slide: slide if together == "slide" else str(patient) for slide, patient in patients.items()}
