"""Gene programmes, and negative-binomial counts drawn from them.

A gene follows one of five programmes that the image shows (its region's share of the spot, or how many nuclei
the spot holds), or none (NOISE), or is one of the strongly expressed OTHER genes that fill up the library. A
spot's depth has a part that follows the nuclei and a technical part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .fields import standardised
from .tissue import REGIONS

PROGRAMMES = (*REGIONS, "nuclei")
# Share of the genes in each group; OTHER takes the rest.
_SHARES = {"tumour": 0.18, "stroma": 0.14, "immune": 0.14, "fat": 0.08, "nuclei": 0.12, "noise": 0.16}
_MEDIAN_TOTAL = 4000.0
# Counts that a gene has in a spot of median depth without any effect: from, to (log-uniform).
_LEVELS = {"noise": (15.0, 40.0), "other": (60.0, 240.0)}
_SPARSE = (0.3, 6.0)
_NOISE_SHAPE, _SHAPE = 8.0, 4.0  # gamma shape of the overdispersion: variance = mean + mean^2 / shape
_DEPTH_TISSUE, _DEPTH_TECHNICAL = 0.45, 0.40  # standard deviations of log depth
_FAILED_SHARE, _FAILED_DEPTH = 0.02, 0.015  # spots whose capture failed, and the depth they keep


@dataclass(frozen=True, eq=False)
class GeneProgrammes:
    """Genes and what moves them.

    group     n_genes names: one of PROGRAMMES, "noise" or "other"
    level     (n_genes,) counts expected in a spot of median depth, relative for "other"
    loadings  (n_genes, 5) change of log expression per unit of each programme's activity
    hidden    (n_genes,) loading on a smooth activity that the image does not show
    """

    names: tuple[str, ...]
    group: np.ndarray
    level: np.ndarray
    loadings: np.ndarray
    hidden: np.ndarray

    @property
    def is_other(self) -> np.ndarray:
        return self.group == "other"


def draw_programmes(n_genes: int, rng: np.random.Generator) -> GeneProgrammes:
    """Programmes of `n_genes` genes, named after their group."""
    sizes = {group: round(share * n_genes) for group, share in _SHARES.items()}
    sizes["other"] = n_genes - sum(sizes.values())
    group = np.repeat(list(sizes), list(sizes.values()))
    names = tuple(f"{name.upper()}{i + 1:02d}" for name, size in sizes.items() for i in range(size))
    low, high = np.array([_LEVELS.get(name, _SPARSE) for name in group]).T
    follows = group[:, None] == np.array(PROGRAMMES)
    strength = np.where(group == "nuclei", rng.uniform(0.3, 0.8, n_genes), rng.uniform(0.9, 2.6, n_genes))
    return GeneProgrammes(
        names=names,
        group=group,
        level=np.exp(rng.uniform(np.log(low), np.log(high))),
        loadings=follows * strength[:, None],
        hidden=np.where(group == "noise", 0, rng.normal(0, 0.3, n_genes)),
    )


def individual(programmes: GeneProgrammes, strength: float, rng: np.random.Generator) -> GeneProgrammes:
    """The programmes as one patient or slide has them: levels and loadings shifted by about `strength`."""
    shift = rng.normal(0, strength, len(programmes.names))
    scale = np.clip(1 + rng.normal(0, strength, programmes.loadings.shape), 0.2, 1.8)
    level, loadings = programmes.level * np.exp(shift), programmes.loadings * scale
    return GeneProgrammes(programmes.names, programmes.group, level, loadings, programmes.hidden)


def draw_counts(
    programmes: GeneProgrammes,
    region_shares: np.ndarray,
    n_nuclei: np.ndarray,
    hidden: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """(n_spots, n_genes) int32 counts.

    region_shares  (n_spots, 4) share of each region in the spot
    n_nuclei       (n_spots,) nuclei in the spot
    hidden         (n_spots,) activity that the image does not show, standard normal
    """
    crowding = standardised(np.log1p(n_nuclei))
    activity = np.column_stack([region_shares, crowding])
    effect = activity @ programmes.loadings.T + hidden[:, None] * programmes.hidden
    mean = programmes.level * np.exp(effect)
    # OTHER genes fill each spot up to the same total, so a gene without effects has a constant share of it.
    other = programmes.is_other
    room = np.maximum(_MEDIAN_TOTAL - mean[:, ~other].sum(axis=1), 0.1 * _MEDIAN_TOTAL)
    mean[:, other] *= (room / mean[:, other].sum(axis=1))[:, None]
    shape = np.where(programmes.group == "noise", _NOISE_SHAPE, _SHAPE)
    varied = mean * rng.gamma(shape, 1 / shape, mean.shape)
    return rng.poisson(varied * draw_depth(crowding, rng)[:, None]).astype(np.int32)


def draw_depth(crowding: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(n_spots,) depth relative to the median spot: what follows the nuclei, chance, failures."""
    n = len(crowding)
    slide = rng.normal(0, 0.2)
    technical = rng.normal(0, _DEPTH_TECHNICAL, n)
    failed = rng.permutation(n) < round(_FAILED_SHARE * n)
    depth = np.exp(slide + _DEPTH_TISSUE * crowding + technical)
    return np.where(failed, _FAILED_DEPTH, depth)
