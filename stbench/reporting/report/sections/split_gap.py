"""What near-copies in the training slides are worth: leaving out slides against leaving out patients.

The plain slide split also trains on more slides than the patient split. The split "slide-matched" does not, so its
gap stands first; a plain one carries its caveat.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

from stbench.names import cleaned, shown_name
from stbench.record import TableIdentity
from stbench.reporting.report.boards import Board, Entry
from stbench.reporting.report.grid import Grid, Line, interval, number, numbers, words
from stbench.reporting.report.patients import CORRELATIONS, means_by_row
from stbench.reporting.statistics import t_interval

# Splits that leave out slides, and what their difference from the patient split is.
_SHARE_TUNING = 4  # patients from which on pairs of them tune every split
_TUNED_APART = (
    "; the two splits were tuned differently, with so few patients, so that only rows that were not tuned (untuned "
    "twins, and what has nothing to tune) tell what near-copies are worth: the others are marked"
)
_GAPS = {
    "slide-matched": "size-matched: both splits train on as many slides, so that the gap is what near-copies are worth",
    "slide": "not size-matched: the slide split also trains on more slides, and a part of the gap is that",
}


@dataclass(frozen=True)
class SplitGapSection:
    """One grid for each pair of tables; where none is size-matched, `commands` make one for the first table."""

    grids: list[Grid]
    commands: list[str]
    what_to_run: str = (
        "The size-matched gap needs the same methods and genes under both splits. For the first table, with "
        "everything else as before:"
    )


def split_gap_section(boards: Sequence[Board]) -> SplitGapSection:
    """Pairs of tables that differ in nothing but the split, those of equal training size first."""
    grids = {split: _grids(boards, split) for split in _GAPS}
    return SplitGapSection(
        [grid for found in grids.values() for grid in found],
        [] if grids["slide-matched"] else _commands(boards),
    )


def _grids(boards: Sequence[Board], split: str) -> list[Grid]:
    by_patient = {_without_split(b.table.identity): b for b in boards if b.table.identity.split == "patient"}
    pairs = [
        (board, by_patient[key])
        for board in boards
        if board.table.identity.split == split and (key := _without_split(board.table.identity)) in by_patient
    ]
    return [grid for slide, patient in pairs if (grid := _grid(slide, patient)).lines]


def _without_split(identity: TableIdentity) -> TableIdentity:
    return replace(identity, split="")


def _grid(by_slide: Board, by_patient: Board) -> Grid:
    others = {entry.label: entry for entry in by_patient.complete}
    apart = _tuned_apart(by_patient)
    shared = [(entry, others[entry.label]) for entry in by_slide.complete if entry.label in others]
    if apart:  # first what may be read as the gap
        shared.sort(key=lambda pair: _is_tuned(*pair))
    cells = [_cells(by_slide, by_patient, score, shared) for score in CORRELATIONS]
    titles = [
        title for name in CORRELATIONS.values() for title in (f"{name}, slide", "patient", "gap (95% CI)")
    ]
    identity = by_slide.table.identity
    lines = [
        Line(
            (entry.label, *(cell for of_score in cells for cell in of_score[place])),
            entry.row.kind,
            ("tuned apart",) if apart and _is_tuned(entry, other) else (),
            faint=apart and _is_tuned(entry, other),
        )
        for place, (entry, other) in enumerate(shared)
    ]
    dataset, genes = shown_name(identity.dataset), cleaned(identity.genes)
    caption = (
        f"{dataset}, genes {genes}: {identity.split} split (table {by_slide.table.id}) minus "
        f"patient split (table {by_patient.table.id}); {_GAPS[identity.split]}{_TUNED_APART if apart else ''}; "
        "t intervals over patients"
    )
    return Grid(caption, (*words("method"), *numbers(*titles)), tuple(lines))


def _tuned_apart(by_patient: Board) -> bool:
    """Whether the patient split could not share the slide split's tuning."""
    n_patients = by_patient.table.n_patients
    return (
        by_patient.table.identity.inner == "pairs" and n_patients is not None and n_patients < _SHARE_TUNING
    )


def _is_tuned(*entries: Entry) -> bool:
    return any(record.tuning for entry in entries for record in entry.records)


def _cells(
    by_slide: Board, by_patient: Board, score: str, shared: Sequence[tuple[Entry, Entry]]
) -> list[tuple[str, str, str]]:
    """The score under both splits and the gap with its interval, for each row that both tables have."""
    means = means_by_row(by_slide, score), means_by_row(by_patient, score)
    cells = []
    for entry, other in shared:
        first, second = getattr(entry.row, score), getattr(other.row, score)
        gap = "" if first is None or second is None else number(first - second)
        with_slides, without = means[0].get(entry.label, {}), means[1].get(entry.label, {})
        ends = t_interval([with_slides[name] - without[name] for name in with_slides if name in without])
        cells.append((number(first), number(second), f"{gap} ({interval(ends)})" if gap and ends else gap))
    return cells


def _commands(boards: Sequence[Board]) -> list[str]:
    """The commands that give the splits which the first table lacks."""
    identity = boards[0].table.identity
    alike = [board for board in boards if _same_but_split(board.table.identity, identity)]
    there = {board.table.identity.split for board in alike}
    entries = [entry for board in alike for entry in board.entries]
    methods = ",".join(sorted({entry.row.method for entry in entries if entry.row.kind == "method"}))
    # A name may hold what a shell would obey.
    given = ["--method", methods or "ridge", "--dataset", identity.dataset]
    tuned = ["--tune-on", identity.tune_on] if identity.tune_on != "pcc" else []
    halved = ["--halving"] if identity.halving else []
    more = ["--inner", identity.inner, *tuned, *halved, "--genes", identity.genes]
    return [
        shlex.join(["stbench", "run", *given, "--split", split, *more])
        for split in ("patient", "slide-matched")
        if split not in there
    ]


def _same_but_split(one: TableIdentity, other: TableIdentity) -> bool:
    return _without_split(one) == _without_split(other)
