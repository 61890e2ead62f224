"""Outer and inner folds: pure functions of slides and patients.

Conventions: a fold names its training and test slides in the dataset's order. `groups` maps a slide to what the
split keeps together, its own name (split by slide) or its patient (split by patient).

The split gap, patient against slide, mixes two things: siblings in the training set, and a larger training set.
The split "slide-matched" leaves one slide out as "slide" does, and then as many slides of other patients as the
patient split leaves out siblings; its panel is the patient split's. What is left of the gap is leakage.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from stbench.errors import UsageError

LEAST_SLIDES_TO_TUNE = 3


class Fold(NamedTuple):
    """One split: `test` is never in `train`.

    panel_slides    slides that the gene panel is chosen on, never of the test slide's patient; () for `train`
    """

    name: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    panel_slides: tuple[str, ...] = ()


class InnerFolds(NamedTuple):
    """The inner loop of one outer fold; `note` says what the loop had to do without."""

    folds: tuple[Fold, ...]
    note: str = ""


def group_slides(patients: Mapping[str, str | None], split: str) -> dict[str, str]:
    """slide -> group; UsageError where a patient split is asked for and patients are not stated, or only one is."""
    if len(patients) < 2:
        raise UsageError(
            f"A leave-one-out evaluation needs at least two slides; found {len(patients)} ({', '.join(patients)})."
        )
    if split == "slide":
        return {slide: slide for slide in patients}
    unstated = [slide for slide, patient in patients.items() if patient is None]
    if unstated:
        raise UsageError(
            f"--split {split} needs every slide's patient; not stated for {', '.join(unstated)}."
        )
    by_patient = {slide: str(patient) for slide, patient in patients.items()}
    if len(set(by_patient.values())) < 2:
        raise UsageError(
            f"--split {split} needs at least two patients; all slides are of patient "
            f"{next(iter(by_patient.values()))}."
        )
    return by_patient if split == "patient" else {slide: slide for slide in patients}


def outer_folds(patients: Mapping[str, str | None], split: str) -> list[Fold]:
    """The outer folds of a split over slides whose patients are given; UsageError as `group_slides`."""
    folds = leave_one_group_out(group_slides(patients, split))
    return [_size_matched(fold, patients) for fold in folds] if split == "slide-matched" else folds


def _size_matched(fold: Fold, patients: Mapping[str, str | None]) -> Fold:
    """A fold of one test slide, trained on as many slides as its patient's fold, siblings kept while they fit.

    Slides of other patients are drawn by lot, always the same for the same names. Where there are fewer of them
    than siblings, siblings go too, but never all: the two splits have the same size on every data set.
    """
    (slide,) = fold.test
    others = [name for name in fold.train if patients[name] != patients[slide]]
    siblings = [name for name in fold.train if patients[name] == patients[slide]]
    lot = random.Random(f"slide-matched {slide}")
    left_out = set(lot.sample(others, min(len(siblings), len(others))))
    left_out |= set(lot.sample(siblings, len(siblings) - len(left_out)))
    train = tuple(name for name in fold.train if name not in left_out)
    return Fold(fold.name, train, fold.test, panel_slides=tuple(others))


def leave_one_group_out(groups: Mapping[str, str]) -> list[Fold]:
    """One fold per group, in the order in which the groups first appear."""
    return [_fold(name, {name}, groups) for name in dict.fromkeys(groups.values())]


def inner_folds(train: Sequence[str], groups: Mapping[str, str], inner: str) -> InnerFolds:
    """The same kind of split over the outer training slides only.

    `inner` is "all" (leave one group out), "none", or a number of folds into which the groups are dealt in turn.
    With one training group left the loop goes by slide; with fewer than three training slides there is none. More
    folds than groups cannot be made: each group is left out once, and the note says so.
    """
    if inner == "none":
        return InnerFolds(())
    if len(train) < LEAST_SLIDES_TO_TUNE:
        return InnerFolds(
            (), f"{len(train)} training slides are too few for an inner loop: published settings used"
        )
    own = {slide: groups[slide] for slide in train}
    notes = []
    if len(set(own.values())) < 2:
        own = {slide: slide for slide in train}
        notes.append("inner loop by slide: one training patient")
    names = list(dict.fromkeys(own.values()))
    n_folds = len(names) if inner == "all" else min(int(inner), len(names))
    if inner != "all" and n_folds < int(inner):
        what = "slides" if len(own) == len(names) else "patients"
        notes.append(f"{inner} inner folds were asked for; {n_folds} training {what} make {n_folds}")
    dealt = [names[i::n_folds] for i in range(n_folds)]
    return InnerFolds(tuple(_fold("+".join(held), set(held), own) for held in dealt), "; ".join(notes))


def _fold(name: str, held_out: set[str], groups: Mapping[str, str]) -> Fold:
    train = tuple(slide for slide, group in groups.items() if group not in held_out)
    test = tuple(slide for slide, group in groups.items() if group in held_out)
    return Fold(name, train, test)
