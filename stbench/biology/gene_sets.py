"""Gene sets in GMT: a line each, its name, a description, then its genes, apart by tabs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from stbench.errors import UsageError

GeneSets = Mapping[str, tuple[str, ...]]


def read_gmt(path: Path) -> dict[str, tuple[str, ...]]:
    """Name -> genes; UsageError for a file that cannot be read or is no GMT."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The gene sets {path} cannot be read ({error}); give a GMT file.") from error
    sets: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        name, *rest = (cell.strip() for cell in line.split("\t"))
        genes = tuple(dict.fromkeys(filter(None, rest[1:])))
        if not name or not genes:
            raise UsageError(
                f"{path}, line {number}, is no gene set; GMT has a name, a description and genes, apart by tabs."
            )
        if name in sets:
            raise UsageError(f"{path} names the gene set {name} twice; each may occur once.")
        sets[name] = genes
    if not sets:
        raise UsageError(f"{path} holds no gene set; GMT has one a line.")
    return sets


def within(sets: GeneSets, panel: Collection[str], path: Path) -> dict[str, tuple[str, ...]]:
    """The sets as far as the panel goes, empty ones left out; UsageError where no gene is in the panel."""
    known = set(panel)
    kept = {name: tuple(gene for gene in genes if gene in known) for name, genes in sets.items()}
    kept = {name: genes for name, genes in kept.items() if genes}
    if not kept:
        theirs = next(iter(sets.values()))[:3]
        raise UsageError(
            f"No gene of {path} is on the panel: the file names {', '.join(theirs)}, the panel "
            f"{', '.join(sorted(known)[:3])}; give gene sets with names of the panel's kind and species."
        )
    return kept
