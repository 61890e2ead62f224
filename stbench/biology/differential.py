"""Genes that differ between two groups of spots: Wilcoxon's rank-sum test on each slide, combined over slides.

Spots of one slide are neighbours and no independent cases, and a smooth prediction makes neighbours more alike than
they are: p-values rank genes here and prove nothing of tissue.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from stbench.errors import UsageError

FEWEST_SPOTS = 3


class Spots(NamedTuple):
    """One slide: expression (n, G) of its genes, and the group of each spot, "" for those of neither."""

    slide: str
    genes: tuple[str, ...]
    expression: np.ndarray
    groups: np.ndarray


@dataclass(frozen=True, eq=False)
class GeneList:
    """Every gene that some slide has, with what its slides say together.

    z          Stouffer's sum of the slides' z divided by the root of their number; positive is more in the first group
    fold       log2 fold change, mean over slides
    q          two-sided p after Benjamini and Hochberg over the genes
    slides     the slides that were tested
    """

    genes: tuple[str, ...]
    z: np.ndarray
    fold: np.ndarray
    q: np.ndarray
    slides: tuple[str, ...]

    def significant(self, level: float = 0.05) -> np.ndarray:
        """(G,) which genes are below that level."""
        return self.q < level

    def opposite(self) -> GeneList:
        """The same genes seen from the second group: what was less in the first is more."""
        return GeneList(self.genes, -self.z, -self.fold, self.q, self.slides)

    def up(self, level: float = 0.05) -> list[str]:
        """The genes that are more in the first group, the surest first."""
        chosen = np.flatnonzero(self.significant(level) & (self.z > 0))
        return [self.genes[i] for i in chosen[np.argsort(-self.z[chosen], kind="stable")]]


def too_few(spots: Spots, first: str, second: str) -> str:
    """Why a slide cannot be tested, in words; "" where it can."""
    n = {name: int((spots.groups == name).sum()) for name in (first, second)}
    lacking = [f"{count} spots of {name}" for name, count in n.items() if count < FEWEST_SPOTS]
    return f"{spots.slide} has {' and '.join(lacking)}; {FEWEST_SPOTS} are needed" if lacking else ""


def differential(slides: Sequence[Spots], first: str, second: str) -> GeneList:
    """The genes that differ between the groups, over those slides that have both.

    Raises UsageError where no slide has enough spots of both.
    """
    usable = [spots for spots in slides if not too_few(spots, first, second)]
    if not usable:
        reasons = "; ".join(too_few(spots, first, second) for spots in slides)
        raise UsageError(
            f"No slide can be tested for {first} against {second}: {reasons or 'there is none'}."
        )
    tested = [rank_sum(spots, first, second) for spots in usable]
    genes = tuple(sorted(set().union(*(found.keys() for found in tested))))
    z = np.array([_stouffer([found[gene][0] for found in tested if gene in found]) for gene in genes])
    fold = np.array([np.mean([found[gene][1] for found in tested if gene in found]) for gene in genes])
    return GeneList(genes, z, fold, _adjusted(z), tuple(spots.slide for spots in usable))


def rank_sum(spots: Spots, first: str, second: str) -> Mapping[str, tuple[float, float]]:
    """gene -> (z, log2 fold change) of the rank-sum test on one slide, ties corrected; 0 where a gene is constant."""
    import anndata
    import scanpy

    chosen = np.isin(spots.groups, (first, second))
    data = anndata.AnnData(spots.expression[chosen].astype(np.float64))
    data.var_names, data.obs["group"] = list(spots.genes), spots.groups[chosen]
    data.obs["group"] = data.obs["group"].astype("category")
    data.uns["log1p"] = {"base": None}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of constant genes and fragmented frames
        scanpy.tl.rank_genes_groups(
            data, "group", groups=[first], reference=second, method="wilcoxon", tie_correct=True
        )
    found: Any = scanpy.get.rank_genes_groups_df(data, group=first)
    numbers = found[["scores", "logfoldchanges"]].fillna(0.0).to_numpy(float)
    return {gene: (float(z), float(fold)) for gene, (z, fold) in zip(found["names"], numbers, strict=True)}


def _stouffer(z: Sequence[float]) -> float:
    return float(np.sum(z) / np.sqrt(len(z)))


def _adjusted(z: np.ndarray) -> np.ndarray:
    from scipy.stats import norm
    from statsmodels.stats.multitest import multipletests

    adjusted: Any = multipletests(2 * norm.sf(np.abs(z)), method="fdr_bh")
    return adjusted[1]
