"""Three rows and more at once: Friedman's test, mean ranks, and the differences that hold pairwise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stbench.reporting.report.boards import Board
from stbench.reporting.report.grid import Grid, Line, numbers, words
from stbench.reporting.report.patients import CORRELATIONS, PatientScores, patient_scores
from stbench.reporting.statistics.many import (
    LEAST_BLOCKS_FOR_DIAGRAM,
    MeanRank,
    friedman,
    mean_ranks,
    pairwise_p,
)


@dataclass(frozen=True, eq=False)
class RankingSection:
    """Ranks by one correlation; `pairwise` (k, k) adjusted p where a diagram may be drawn, else `why_not`."""

    name: str
    labels: list[str]
    ranks: list[MeanRank]
    friedman: str
    grid: Grid | None
    pairwise: np.ndarray | None
    why_not: str


def ranking_sections(board: Board) -> list[RankingSection]:
    """The ranks by each of the three correlations."""
    return [_ranking(name, patient_scores(board, score)) for score, name in CORRELATIONS.items()]


def _ranking(name: str, found: PatientScores) -> RankingSection:
    n, k = found.scores.shape
    obstacle = _obstacle(n, k)
    if obstacle:
        return RankingSection(name, list(found.labels), [], obstacle, None, None, "")
    ranked = mean_ranks(found.scores)
    enough = n >= LEAST_BLOCKS_FOR_DIAGRAM
    return RankingSection(
        name,
        list(found.labels),
        ranked,
        _about_friedman(found),
        _grid(name, found.labels, ranked),
        pairwise_p(found.scores) if enough else None,
        "" if enough else _too_few(n),
    )


def _obstacle(n: int, k: int) -> str:
    """Why there are no ranks at all, or nothing."""
    if k < 3:
        return f"Ranks need at least three rows that are finished on every fold and have patients; there are {k}."
    return "Ranks need at least two patients on whom every row has a score." if n < 2 else ""


def _too_few(n: int) -> str:
    return (
        f"There is no critical-difference diagram: it needs at least {LEAST_BLOCKS_FOR_DIAGRAM} patients, and here "
        f"are {n}."
    )


def _about_friedman(found: PatientScores) -> str:
    n, k = found.scores.shape
    test = friedman(found.scores)
    if test is None:
        return f"Mean ranks over {n} patients describe these patients; nothing can be tested with so few."
    kind = "all permutations" if test.exact else "50,000 random permutations"
    verdict = (
        "ranks differ by more than chance, which does not say whose"
        if test.p < 0.05
        else "ranks could differ by chance alone"
    )
    return (
        f"Friedman's test over {n} patients and {k} rows: statistic {test.statistic:.2f}, p = {test.p:.3g} by {kind}; "
        f"{verdict}."
    )


def _grid(name: str, labels: tuple[str, ...], ranked: list[MeanRank]) -> Grid:
    uncertainty = "95 % interval" if ranked[0].resampled else "range when a patient is left out"
    lines = sorted(zip(ranked, labels, strict=True))
    return Grid(
        f"Mean rank over patients by {name}, 1 is the best",
        (*words("method"), *numbers("mean rank", uncertainty)),
        tuple(Line((label, f"{r.mean:.2f}", f"{r.low:.2f} to {r.high:.2f}")) for r, label in lines),
    )
