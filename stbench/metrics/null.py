"""The null: the same scores where a spot's profile is that of another spot of nearly the same depth.

Conventions
    truth              (n_spots, n_genes) on the target's scale, scored spots only
    totals             (n_spots,) counts over all genes;  array_row_column (n_spots, 2) places on the array
    prediction         (n_spots, n_genes) on the log scale, the same spots
Metrics
    ExchangedTruth     scores of plain PCC and of gene-gene structure against exchanged profiles
    depth_windows      groups of about ten spots of nearly equal depth
    cycles             who takes whose profile
    cycles_by_gene     the same drawn anew for each gene

Spots are ordered by (total, row, column) and cut into windows. In each window the spots are put in random
order and every spot takes the whole profile of the next, so that none keeps its own: what is left of a score
is what depth alone explains with these very genes. Each score is the mean over several exchanges.

Gene-gene structure compares genes with genes, which whole profiles carry with them wherever they go: exchanged
whole, the truth keeps its structure and the null is the score itself. So for structure every gene is exchanged by
itself, which leaves each gene's relation to depth and nothing of one gene's to another.
"""

from __future__ import annotations

import numpy as np

from stbench.metrics.averaging import AveragedTruth
from stbench.metrics.correlation import unit_truth
from stbench.metrics.depth import DepthSpline
from stbench.metrics.structure import AveragedStructure

N_EXCHANGES = 20
SPOTS_PER_WINDOW = 10


def depth_windows(totals: np.ndarray, array_row_column: np.ndarray) -> list[np.ndarray]:
    """Indices of the spots, ordered by (total, row, column), in max(1, round(n / 10)) nearly equal windows."""
    rows, columns = np.asarray(array_row_column).T
    order = np.lexsort((columns, rows, totals))
    return np.array_split(order, max(1, round(len(order) / SPOTS_PER_WINDOW)))


def cycles(windows: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """(n_spots,) the spot whose profile each spot takes: in every window the next one in random order."""
    giver = np.empty(sum(map(len, windows)), dtype=np.int64)
    for window in windows:
        shuffled = rng.permutation(window)
        giver[shuffled] = np.roll(shuffled, -1)
    return giver


def cycles_by_gene(windows: list[np.ndarray], n_genes: int, rng: np.random.Generator) -> np.ndarray:
    """(n_spots, n_genes) the spot whose value each spot takes, by a cycle of its own for each gene and window."""
    giver = np.empty((sum(map(len, windows)), n_genes), dtype=np.int64)
    for window in windows:
        shuffled = rng.permuted(np.repeat(window[:, None], n_genes, axis=1), axis=0)
        np.put_along_axis(giver, shuffled, np.roll(shuffled, -1, axis=0), axis=0)
    return giver


class ExchangedTruth:
    """Exchanges of one slide and panel, made once, that score any prediction.

    Both scores take unit columns: what correlation and DepthSpline make of a prediction.
    """

    def __init__(
        self,
        truth: np.ndarray,
        totals: np.ndarray,
        array_row_column: np.ndarray,
        rng: np.random.Generator,
        n_exchanges: int = N_EXCHANGES,
    ):
        windows = depth_windows(totals, array_row_column)
        givers = [cycles(windows, rng) for _ in range(n_exchanges)]
        unit, spline = unit_truth(truth), DepthSpline(totals)
        self._plain = AveragedTruth((unit[giver] for giver in givers), *truth.shape)
        by_gene = (cycles_by_gene(windows, truth.shape[1], rng) for _ in range(n_exchanges))
        self._structure = AveragedStructure(
            spline.unit_truth(np.take_along_axis(truth, giver, axis=0)) for giver in by_gene
        )

    def pcc(self, unit_prediction: np.ndarray) -> float:
        """Null of the mean PCC: what depth alone gives."""
        return self._plain.mean(unit_prediction)

    def pcc_per_gene(self, unit_prediction: np.ndarray) -> np.ndarray:
        """(n_genes,) the null of each gene's PCC, NaN for a gene that is constant."""
        return self._plain.per_gene(unit_prediction)

    def structure(self, unit_residuals: np.ndarray) -> float:
        """Null of the gene-gene structure."""
        return self._structure.score(unit_residuals.T @ unit_residuals)
