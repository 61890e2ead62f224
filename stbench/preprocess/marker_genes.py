"""Marker genes that join a panel whether or not the training slides speak for them.

`train-hvg+markers` means the markers of a data set's card. Before a run it is written out as
`train-hvg+markers:FASN,GNAS`, so that the genes are a part of the recipe, its identity and its name in tables; this
form can also be typed, with markers of one's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from stbench.errors import GenePanelError
from stbench.slide import Slide

BASE = "train-hvg"
SPEC = "train-hvg+markers"
_NAMED = f"{SPEC}:"


def has_markers(spec: str) -> bool:
    """Whether a panel's spec adds markers, written out or not."""
    return spec == SPEC or spec.startswith(_NAMED)


def written_out(spec: str, markers: Sequence[str], dataset: str) -> str:
    """The spec with the markers of the data set's card in it; any other spec as it is.

    GenePanelError where the card has none.
    """
    if spec != SPEC:
        return spec
    if not markers:
        raise GenePanelError(
            f"The card of {dataset} names no marker genes: take --genes {BASE}, or name some yourself, as in "
            f"--genes {_NAMED}FASN,GNAS."
        )
    return _NAMED + ",".join(markers)


def markers_of(spec: str) -> tuple[str, ...]:
    """The markers that stand in a spec, each once; () for a panel without. GenePanelError where none is named."""
    if not has_markers(spec):
        return ()
    names = [name.strip() for name in spec.removeprefix(SPEC).removeprefix(":").split(",")]
    if not any(names):
        raise GenePanelError(f"--genes {spec} names no marker genes; write {_NAMED}FASN,GNAS, for instance.")
    return tuple(dict.fromkeys(filter(None, names)))


def origin_words(spec: str) -> str:
    """What a reader of the result must know of a panel with markers."""
    listed = ", ".join(markers_of(spec))
    return f"{BASE} and the marker genes {listed}, which people chose who may have known the test slides"


class WithMarkers(NamedTuple):
    """Genes of a panel with its markers behind them, and which are not there for which reason, "" where all are."""

    genes: tuple[str, ...]
    note: str


def add_markers(genes: Sequence[str], markers: Sequence[str], training: Sequence[Slide]) -> WithMarkers:
    """The panel and behind it, in their order, the markers that it lacks and every training slide measures.

    A marker that some training slide does not measure would be learnt as absent there: it is left out and named.
    """
    lacking = [gene for gene in markers if gene not in genes]
    unmeasured = [gene for gene in lacking if not all(gene in slide.genes for slide in training)]
    added = [gene for gene in lacking if gene not in unmeasured]
    said = f"not measured on every training slide and left out: {', '.join(unmeasured)}" if unmeasured else ""
    return WithMarkers((*genes, *added), said)


def sizes_asked_for(spec: str, n_genes: int) -> range:
    """The --n-genes that may have led to a panel of that many genes: markers are added to what was asked for."""
    return range(n_genes, max(n_genes - len(markers_of(spec)), 1) - 1, -1)
