"""How far two lists of genes that differ between the same groups agree, beside what chance gives."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stbench.biology.differential import GeneList


class Agreement(NamedTuple):
    """What a predicted list has in common with the measured one, over the genes that both have.

    n_genes        such genes
    same_sign      share of them whose fold changes have one sign; .5 by chance where half of them rise
    correlation    Spearman's of the fold changes, None where one list is constant
    n_top          how many genes the measured list holds below its level: both lists are cut there
    overlap        share of these that are among as many surest genes of the predicted list, None for no such gene
    chance         what two lists that know nothing of each other have in common
    """

    n_genes: int
    same_sign: float
    correlation: float | None
    n_top: int
    overlap: float | None
    chance: float


def agreement(measured: GeneList, predicted: GeneList, level: float = 0.05) -> Agreement:
    """The measured list beside a predicted one."""
    common = sorted(set(measured.genes) & set(predicted.genes))
    here, there = (_places(genes, common) for genes in (measured.genes, predicted.genes))
    fold, other = measured.fold[here], predicted.fold[there]
    n_top = int(measured.significant(level)[here].sum())
    return Agreement(
        n_genes=len(common),
        same_sign=float(np.mean(np.sign(fold) == np.sign(other))) if common else 0.0,
        correlation=_spearman(fold, other),
        n_top=n_top,
        overlap=_overlap(measured.z[here], predicted.z[there], n_top) if n_top else None,
        chance=n_top / len(common) if common else 0.0,
    )


def _places(genes: tuple[str, ...], wanted: list[str]) -> np.ndarray:
    place = {gene: i for i, gene in enumerate(genes)}
    return np.array([place[gene] for gene in wanted], dtype=int)


def _spearman(one: np.ndarray, other: np.ndarray) -> float | None:
    from scipy.stats import spearmanr

    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return float(spearmanr(one, other).statistic)  # type: ignore[attr-defined]


def _overlap(one: np.ndarray, other: np.ndarray, n: int) -> float:
    """Share of the n surest genes of one list that are among the n surest of the other; direction does not count."""
    top = [set(np.argsort(-np.abs(z), kind="stable")[:n].tolist()) for z in (one, other)]
    return len(top[0] & top[1]) / n
