"""The test slides of a leaderboard on which tumour and the rest can be told apart, and why on the others not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stbench.errors import UnknownName, UsageError
from stbench.metrics.correlation import MIN_SPOTS
from stbench.record import Record, SlideTruth
from stbench.reporting.regions.labels import labels_of

if TYPE_CHECKING:
    from stbench.reporting.report.stored import StoredArrays
    from stbench.reporting.tables.leaderboard import Table


class TumourSlide(NamedTuple):
    """A test slide with both classes.

    record      one that was scored on it: of the fold that tests it
    kept        (n scored spots,) True where a spot has a label;  is_tumour of these, whether it is tumour's
    trained_on  the slides with both classes that the fold trains on
    """

    truth: SlideTruth
    record: Record
    kept: np.ndarray
    is_tumour: np.ndarray
    trained_on: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.truth.slide

    def labelled(self, values: np.ndarray) -> np.ndarray:
        """Of (n scored spots, d) values, those of the labelled spots."""
        return values[self.kept]

    @classmethod
    def of(cls, truth: SlideTruth, record: Record, tumour: Sequence[str]) -> TumourSlide:
        labels = labels_of(truth, record.unlabelled)
        kept = labels != ""
        return cls(truth, record, kept, np.isin(labels[kept], list(tumour)))

    @property
    def unusable(self) -> str:
        """Why nothing can be scored on it; "" where it can."""
        n, n_tumour = len(self.is_tumour), int(self.is_tumour.sum())
        if n == 0:
            return "no label"
        if n_tumour in (0, n):
            return "tumour alone" if n_tumour else "no tumour"
        return f"{n} labelled spots, and {MIN_SPOTS} are needed" if n < MIN_SPOTS else ""


class TumourSlides(NamedTuple):
    """The slides that can be scored, why the others cannot, and the labels that count as tumour."""

    usable: Mapping[str, TumourSlide]
    left_out: Mapping[str, str]
    tumour: tuple[str, ...]


def tumour_slides(table: Table, stored: StoredArrays, tumour: Sequence[str] = ()) -> TumourSlides:
    """The slides of a table; `tumour` are the labels meant, () for those of the data set's card.

    UsageError where no slide is annotated, nothing says which labels are tumour or no slide has enough of both classes,
    UnknownName for a label that no slide has.
    """
    found = _truths(table, stored)
    asked = tuple(tumour) or _of_card(table)
    _check(table, found, asked, by_hand=bool(tumour))
    slides = {name: TumourSlide.of(truth, record, asked) for name, (truth, record) in found.items()}
    usable = {name: slide for name, slide in slides.items() if not slide.unusable}
    left_out = {name: slide.unusable for name, slide in slides.items() if slide.unusable}
    if not usable:
        reasons = "; ".join(f"{name}: {why}" for name, why in left_out.items())
        raise UsageError(
            f"On no slide of table {table.id} can {', '.join(asked)} be told from the rest ({reasons})."
        )
    return TumourSlides(
        {name: _with_others(slide, usable) for name, slide in usable.items()}, left_out, asked
    )


def _with_others(slide: TumourSlide, usable: Mapping[str, TumourSlide]) -> TumourSlide:
    others = tuple(name for name in slide.record.train_slides if name in usable and name != slide.name)
    return slide._replace(trained_on=others)


def _truths(table: Table, stored: StoredArrays) -> dict[str, tuple[SlideTruth, Record]]:
    """Every test slide's truth; that of predictions made elsewhere, which may lack spots, where there is no other."""
    found: dict[str, tuple[SlideTruth, Record]] = {}
    every = [record for records in table.members.values() for record in records if record.finished]
    for record in sorted(every, key=lambda record: record.kind == "external"):
        if not set(record.test_slides) <= found.keys():
            for name, arrays in stored.of(record).items():
                found.setdefault(name, (arrays.truth, record))
    return dict(sorted(found.items()))


def _of_card(table: Table) -> tuple[str, ...]:
    """The tumour labels that the data set's card stated when its rows were made."""
    stated = (record.tumour_labels for records in table.members.values() for record in records)
    return next((labels for labels in stated if labels), ())


def _check(
    table: Table, found: Mapping[str, tuple[SlideTruth, Record]], tumour: Sequence[str], by_hand: bool
) -> None:
    if not found:
        raise UsageError(
            f"The predictions and truths of table {table.id} are not kept here; run a method, or join a bundle that "
            "holds them."
        )
    known = {label for pair in found.values() for label in labels_of(pair[0], pair[1].unlabelled).tolist()}
    known.discard("")
    if not known:
        raise UsageError(
            f"No test slide of {table.identity.dataset} (table {table.id}) is annotated, so that there is no tumour to "
            "find."
        )
    if not tumour:
        raise UsageError(
            f"The card of {table.identity.dataset} says of no label that it is tumour; name some with --tumour. There "
            f"are: {', '.join(sorted(known))}."
        )
    for label in tumour if by_hand else ():
        if label not in known:
            raise UnknownName("label on these slides", label, known)
