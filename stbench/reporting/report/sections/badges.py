"""What must be known of a table before any of its numbers is read, as a few words each."""

from __future__ import annotations

from typing import NamedTuple

from stbench.names import SYNTHETIC
from stbench.reporting.report.boards import Board

_FEW_PATIENTS = 6


class Badge(NamedTuple):
    """A few words and whether they are a caution; `meaning` explains them."""

    words: str
    is_caution: bool
    meaning: str


def badges(board: Board) -> list[Badge]:
    """Cautions first. A badge of all rows is given by all of them, one of some rows tells how many."""
    rows = [entry.row for entry in board.entries]
    n_patients, n = board.table.n_patients, len(rows)
    seeds = [len(row.seeds) for row in rows if row.kind != "floor" and row.seeds]
    few = sum(row.is_faint for row in rows)
    audited = sum(row.audited == "clean" for row in rows)
    sealed = sum(row.sealed == "sealed" for row in rows)
    found = []
    if board.synthetic:
        found.append(
            Badge(SYNTHETIC, True, "generated tissue: a rank here says nothing of methods on patients")
        )
    if board.table.leaky:
        found.append(Badge("leaky", True, "the gene panel was chosen with the test slides' own expression"))
    if n_patients is None:
        found.append(Badge("patients not stated", True, "slides of one patient may stand on both sides"))
    elif n_patients < _FEW_PATIENTS:
        words = f"{n_patients} patient{'' if n_patients == 1 else 's'}"
        found.append(Badge(words, True, f"below {_FEW_PATIENTS} patients no test can tell two methods apart"))
    if few:
        found.append(Badge(f"few or unknown steps: {few} of {n} rows", True, "see the marks beside the rows"))
    if 1 in seeds:
        words = "one seed" if set(seeds) == {1} else f"one seed: {seeds.count(1)} of {len(seeds)} methods"
        found.append(Badge(words, True, "nothing is known of how scores vary over seeds"))
    if failed := sum(not row.ranked for row in rows):
        found.append(Badge(f"{failed} of {n} rows not finished", True, "they have no rank"))
    words = f"audited: {audited} of {n} rows" if audited else "not audited"
    found.append(Badge(words, not audited, "stbench audit looks for leaks in a method"))
    if any(row.sealed for row in rows):
        found.append(
            Badge(f"sealed: {sealed} of {n} rows", sealed < n, "made where test slides cannot be opened")
        )
    return found
