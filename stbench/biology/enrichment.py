"""Gene sets among the genes that rise: the hypergeometric test, with the panel and never the genome as background.

A panel was chosen for varying between places; against the genome, its very choice would come out as biology.
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from stbench.biology.gene_sets import GeneSets
from stbench.errors import needs_package


class Enriched(NamedTuple):
    """One gene set: how many of its genes are in the list, of how many on the panel; p, and q over all sets."""

    name: str
    found: int
    size: int
    p: float
    q: float
    genes: tuple[str, ...]


def enrichment(genes: Sequence[str], sets: GeneSets, panel: Collection[str]) -> dict[str, Enriched]:
    """Name -> what the list holds of that set, for sets of which it holds any; {} for an empty list.

    sets  within the panel
    Raises MissingPackage without gseapy.
    """
    with needs_package("gseapy", "Enrichment", 'pip install "stbench[enrich]" brings it.'):
        import gseapy
    if not genes:
        return {}
    own: Any = {name: list(members) for name, members in sets.items()}  # gseapy's hint is too narrow
    logging.getLogger("gseapy").setLevel(logging.ERROR)
    with contextlib.redirect_stderr(io.StringIO()):  # it speaks of sets that it found nothing of
        found: Any = gseapy.enrich(
            gene_list=list(genes),
            gene_sets=own,
            background=sorted(panel),
            outdir=None,
            no_plot=True,
            cutoff=1.0,
        )
    table = found.results
    # Where it finds nothing of any set, it leaves an empty list in the table's place.
    lines = {str(line["Term"]): line for line in table.to_dict("records")} if len(table) else {}
    # gseapy adjusts over the sets that it found something of; those with nothing were asked as well.
    q = _adjusted([float(lines[name]["P-value"]) if name in lines else 1.0 for name in sets])
    return {name: _enriched(lines[name], q[place]) for place, name in enumerate(sets) if name in lines}


def _adjusted(p: Sequence[float]) -> list[float]:
    from statsmodels.stats.multitest import multipletests

    adjusted: Any = multipletests(p, method="fdr_bh")
    return adjusted[1].tolist()


def _enriched(line: dict[str, Any], q: float) -> Enriched:
    found, size = map(int, str(line["Overlap"]).split("/"))
    genes = tuple(sorted(filter(None, str(line["Genes"]).split(";"))))
    return Enriched(str(line["Term"]), found, size, float(line["P-value"]), q, genes)
