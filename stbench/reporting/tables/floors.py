"""How far a row stands above the floors named beforehand, and how far below the ceiling.

Skill is measured from `depth-smooth` for PCC and from `smooth` for equal-depth PCC: the tuned row where there is an
inner loop, else the untuned one. All means are over the slides that the row itself has, so that a row that lacks
folds is measured from floor and ceiling of the same slides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from stbench.reporting.statistics import over_patients, skill
from stbench.reporting.tables.row import Row

FLOORS = {"pcc": "depth-smooth", "pcc_equal_depth": "smooth"}
_DEPTH_SMOOTH = "depth-smooth"


class Bounds(NamedTuple):
    """Rows that skill is measured from and up to; None for one that is not there."""

    floor: Row | None
    floor_equal_depth: Row | None
    depth_smooth: Row | None
    ceiling: Row | None


def bounds_of(rows: Sequence[Row], ceiling: Row | None, encoder: str | None) -> Bounds:
    """The floors among the rows of one encoder, and the ceiling."""
    named = {name: best_known(rows, name, encoder) for name in {*FLOORS.values(), _DEPTH_SMOOTH}}
    return Bounds(named[FLOORS["pcc"]], named[FLOORS["pcc_equal_depth"]], named[_DEPTH_SMOOTH], ceiling)


def best_known(rows: Iterable[Row], name: str, encoder: str | None) -> Row | None:
    """The row that a name means: the one of that label, else of that method; tuned and of today's source first."""
    candidates = [
        row
        for row in rows
        if name in (*row.names, row.method)
        and row.encoder == encoder
        and row.kind not in ("ceiling", "released")
    ]

    def order(row: Row) -> tuple[bool, bool, bool, bool, str]:
        return not row.ranked, name not in row.names, row.changed, not row.tuned, row.label

    return min(candidates, key=order, default=None)


def encoder_beside(row: Row, rows: Iterable[Row]) -> str | None:
    """The encoder of the floors that a row is held against: its own; of what was not fitted here the only one."""
    if row.kind not in ("external", "released") or (row.kind == "external" and row.encoder is not None):
        return row.encoder
    encoders = {other.encoder for other in rows if other.kind not in ("external", "released")}
    return encoders.pop() if len(encoders) == 1 else None


def with_skill(row: Row, bounds: Bounds) -> Row:
    """The row with its two skills and its surplus over depth-smooth, each over the slides that it has."""
    return replace(
        row,
        skill=_skill(row, bounds.floor, bounds.ceiling, "pcc"),
        skill_equal_depth=_skill(row, bounds.floor_equal_depth, bounds.ceiling, "pcc_equal_depth"),
        surplus_over_depth_smooth=_surplus(row, bounds.depth_smooth),
    )


def mean_on(row: Row | None, slides: Iterable[str], score: str) -> float | None:
    """A row's mean score over some slides; None where it lacks one of them."""
    if row is None:
        return None
    scores, patients = _by_slide(row, score)
    wanted = list(slides)
    if not wanted or any(scores.get(slide) is None for slide in wanted):
        return None
    return over_patients({slide: scores[slide] for slide in wanted}, patients)


def scored_slides(row: Row, score: str) -> list[str]:
    """The slides on which a row has that score."""
    return [slide for slide, value in _by_slide(row, score)[0].items() if value is not None]


def _skill(row: Row, floor: Row | None, ceiling: Row | None, score: str) -> float | None:
    slides = scored_slides(row, score)
    return skill(getattr(row, score), mean_on(floor, slides, score), mean_on(ceiling, slides, score))


def _surplus(row: Row, depth_smooth: Row | None) -> float | None:
    score = "pcc_equal_depth"
    floor = mean_on(depth_smooth, scored_slides(row, score), score)
    own: float | None = getattr(row, score)
    return None if own is None or floor is None else own - floor


def _by_slide(row: Row, score: str) -> tuple[Mapping[str, float | None], Mapping[str, str | None]]:
    return (
        {slide.slide: getattr(slide, score) for slide in row.slides},
        {slide.slide: slide.patient for slide in row.slides},
    )
