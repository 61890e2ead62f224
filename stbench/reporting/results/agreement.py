"""Whether two results are the same but for rounding: what verify asks of a score, and joining of two folders."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from stbench.record import Record, SlideScores

# Scores are stored to six digits per gene; sums may be added in another order on another machine.
_RELATIVE, _ABSOLUTE = 1e-5, 1e-6
# Columns that results of older versions lack.
_LATER = ("pcc_null",)
_SCORES = ("slides", "settings", "failure", "panel_genes", "train_slides", "test_slides")


def first_difference(stored: SlideScores, again: SlideScores) -> str:
    """The first thing of a slide that came out otherwise, in words; "" where all agree."""
    for name in ("patient", "n_spots", "n_scored"):
        if getattr(stored, name) != getattr(again, name):
            return f"{name} is stored as {getattr(stored, name)} and is {getattr(again, name)}"
    if stored.genes != again.genes:
        return "the genes are not those of the truth"
    for name, value in again.scores.items():
        if not agree(stored.scores.get(name), value):
            return f"{name} is stored as {stored.scores.get(name)} and comes out as {value}"
    return _per_gene_difference(stored.per_gene, again)


def same_result(one: Record, other: Record) -> bool:
    """Whether two Records of one job hold the same result: scores within rounding, all else that matters equal."""
    if (one.failure is None) != (other.failure is None) or len(one.slides) != len(other.slides):
        return False
    alike = all(getattr(one, name) == getattr(other, name) for name in _SCORES if name != "slides")
    return alike and not any(_of_slides(one.slides, other.slides))


def agree(one: float | None, other: float | None) -> bool:
    """Whether two scores are one number, or both undefined."""
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)


def _of_slides(ones: Sequence[SlideScores], others: Sequence[SlideScores]) -> list[str]:
    by_name = {scores.slide: scores for scores in others}
    return [
        first_difference(one, by_name[one.slide]) if one.slide in by_name else f"slide {one.slide} is missing"
        for one in ones
    ]


def _per_gene_difference(stored: Mapping[str, tuple[float | None, ...]], again: SlideScores) -> str:
    for name, column in again.per_gene.items():
        if name in _LATER and name not in stored:
            continue
        kept = stored.get(name, ())
        if len(kept) != len(column):
            return f"{name} is stored for {len(kept)} of {len(column)} genes"
        for gene, one, other in zip(again.genes, kept, column, strict=True):
            if not agree(one, other):
                return f"{name} of {gene} is stored as {one} and comes out as {other}"
    return ""
