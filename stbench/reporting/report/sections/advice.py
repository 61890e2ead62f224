"""What may be advised from a table: which method, for which genes, at what cost; no more than its patients carry."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stbench.names import cleaned, shown_name
from stbench.reporting.report.boards import Board, Entry
from stbench.reporting.report.grid import listed, number
from stbench.reporting.report.patients import CORRELATIONS
from stbench.reporting.report.per_gene import gene_scores
from stbench.reporting.report.sections.known_patients import known_patients
from stbench.reporting.statistics.reliability import LEAST_PATIENTS_TO_TRUST
from stbench.reporting.statistics.sign_flips import LEAST_UNITS_TO_TEST

# Of 250 or 785 genes a person looks at so many.
_GENES_NAMED = 8
# A PCC of which less than so much is left beside its null is depth for the greater part.
_MOSTLY_DEPTH = 0.5
_FAMILIES = ("method", "released", "external")


def advice(board: Board) -> list[str]:
    """Sentences, the most important first; [] for a table without a finished method."""
    scored = [entry for entry in board.complete if entry.row.pcc is not None]
    methods = [entry for entry in scored if entry.row.kind in _FAMILIES]
    floors = [entry for entry in scored if entry.row.kind == "floor"]
    if not methods:
        return []
    best = _highest(methods, "pcc_equal_depth") or methods[0]
    sentences = [
        *_who_is_better(board, ("pcc", "pcc_equal_depth")),
        _depth(methods, floors),
        known_patients(board, methods),
        _cost(board, best, floors),
        _genes(board, best),
    ]
    return [sentence for sentence in sentences if sentence]


def _highest(entries: Sequence[Entry], score: str) -> Entry | None:
    scored = [entry for entry in entries if getattr(entry.row, score) is not None]
    return max(scored, key=lambda entry: getattr(entry.row, score), default=None)


def _floor_above(floors: Sequence[Entry], method: Entry, score: str) -> Entry | None:
    """The highest floor, where it stands above the method as the table prints them."""
    floor = _highest(floors, score)
    if floor is None or round(getattr(floor.row, score), 3) <= round(getattr(method.row, score) or 0.0, 3):
        return None
    return floor


def _who_is_better(board: Board, scores: Sequence[str]) -> list[str]:
    """Which methods the tests set above the reference, or that they cannot set any; a sentence for each answer."""
    by_answer: dict[str, list[str]] = {}
    for score in scores:
        if answer := _answer(board, score):
            by_answer.setdefault(answer, []).append(f"by {CORRELATIONS[score]}")
    return [f"B{listed(names)[1:]}, {answer}" for answer, names in by_answer.items()]


def _answer(board: Board, score: str) -> str:
    """What the tests by one score say; "" where none was made."""
    tests = [test for test in board.table.tests.get(score, ()) if test.family != "floors"]
    if not tests:
        return ""
    reference, n = shown_name(tests[0].reference), max(test.n for test in tests)
    better = [shown_name(test.method) for test in tests if test.verdict.startswith("better")]
    if better:
        return f"{listed(better)} can be told from {reference} as better, by {n} patients."
    why = (
        f"{n} patient{'' if n == 1 else 's'} can tell nothing apart, whatever the scores"
        if n < LEAST_UNITS_TO_TEST
        else f"{n} patients do not tell any apart"
    )
    return f"no method may be called better than {reference}: {why}."


def _depth(methods: Sequence[Entry], floors: Sequence[Entry]) -> str:
    """How much of a method's highest PCC stands above its null; a floor that stands above it is named."""
    first = _highest(methods, "pcc")
    score, null = (first.row.pcc, first.row.pcc_null) if first else (None, None)
    if first is None or null is None or not score:
        return ""
    left = (score - null) / score
    words = (
        "most of it says where spots are deep, not which genes are where"
        if left < _MOSTLY_DEPTH
        else "most of it is more than where spots are deep"
    )
    above = _floor_above(floors, first, "pcc")
    highest = "The highest PCC" if above is None else "The highest PCC of a method"
    below = f"below {number(above.row.pcc)} of the floor {above.label} and " if above else ""
    return f"{highest}, {number(score)} of {first.label}, stands {below}beside a null of {number(null)}: {words}."


def _cost(board: Board, best: Entry, floors: Sequence[Entry]) -> str:
    """What the method that is highest at equal depth costs beside the cheapest row that is not told from it."""
    reference = next((entry for entry in board.complete if entry.row.label in board.table.references), None)
    if reference is None or best.row.fit_seconds is None or reference.row.fit_seconds is None:
        return ""
    if best.row.pcc_equal_depth is None:
        return ""
    above = _floor_above(floors, best, "pcc_equal_depth")
    highest = (
        "the highest by equal-depth PCC"
        if above is None
        else f"the highest method by equal-depth PCC though below the floor {above.label}"
    )
    return (
        f"A fit of {best.label}, {highest}, took {best.row.fit_seconds:,.0f} s, "
        f"of {reference.label} {reference.row.fit_seconds:,.1f} s."
    )


def _genes(board: Board, best: Entry) -> str:
    """The genes that the method predicts best once depth is out, as a list or as a claim by the number of patients."""
    found = gene_scores(best, "pcc_equal_depth")
    if not len(found.by_unit):
        return ""
    mean = np.where(np.isfinite(found.mean), found.mean, -np.inf)
    order = [i for i in np.argsort(-mean, kind="stable")[:_GENES_NAMED] if mean[i] > 0]
    if not order:
        return f"No gene of {best.label} correlates with what was measured once all spots have one depth."
    named = ", ".join(f"{cleaned(found.genes[i])} {mean[i]:.2f}" for i in order)
    few = found.patients is None or found.patients < LEAST_PATIENTS_TO_TRUST
    claim = f"; a list and no claim below {LEAST_PATIENTS_TO_TRUST} patients" if few else ""
    return f"At equal depth {best.label} is surest of {named}{claim}."
