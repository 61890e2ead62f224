"""Gene panels that come from a file: reading it, and holding its names against what the slides measure."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stbench.errors import GenePanelError
from stbench.slide import Slide

# A panel of fewer says little of a tissue, and its means nothing of a method.
FEWEST_GENES = 10
# First cells of a .csv that head the column of genes and name none.
_HEADINGS = {"gene", "genes", "gene_name", "gene_names", "gene_symbol", "symbol"}


def read_gene_file(path: Path) -> tuple[str, ...]:
    """Genes of a text file (one a line), a .csv (first column, with or without a heading) or a .npy.

    Blank lines are passed over and a gene named twice counts once. GenePanelError where the file cannot be read
    or names no gene.
    """
    try:
        names = _names(path)
    except (OSError, ValueError, EOFError, csv.Error) as error:
        raise GenePanelError(
            f"The gene file {path} cannot be read ({error}); give one gene per line."
        ) from error
    genes = tuple(dict.fromkeys(name.strip() for name in names if name.strip()))
    if not genes:
        raise GenePanelError(f"The gene file {path} names no gene; give one gene per line.")
    return genes


def _names(path: Path) -> list[str]:
    if path.suffix == ".npy":
        array = np.load(path, allow_pickle=False)
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "US":
            raise ValueError("its array holds no names")
        return array.astype(str).ravel().tolist()
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix != ".csv":
        return text.splitlines()
    names = [row[0].strip() for row in csv.reader(text.splitlines()) if row]
    return names[1:] if names and names[0].lower() in _HEADINGS else names


def measured_genes(
    path: Path, genes: Sequence[str], training: Sequence[Slide], every: Sequence[Slide]
) -> tuple[tuple[str, ...], str]:
    """The genes that every training slide measures, and a note that names the others, "" where there are none.

    A gene that a training slide does not measure would be learnt as absent there. GenePanelError for one that no
    slide knows at all, or where fewer than ten are left.
    """
    unknown = [gene for gene in genes if not any(gene in slide.genes for slide in every)]
    if unknown:
        raise GenePanelError(
            f"The gene file {path} names {_counted(unknown)} that no slide measures: {_listed(unknown)}. "
            "Remove them, or check that the names are of the dataset's kind (symbols or identifiers)."
        )
    known = [set(slide.genes) for slide in training]
    kept = tuple(gene for gene in genes if all(gene in names for names in known))
    lacking = [gene for gene in genes if gene not in set(kept)]
    if lacking and len(kept) < FEWEST_GENES:
        raise GenePanelError(
            f"Of the {len(genes)} genes in {path} only {len(kept)} are measured on all training slides "
            f"{', '.join(slide.id for slide in training)}; at least {FEWEST_GENES} are needed. Missing somewhere: "
            f"{_listed(lacking)}."
        )
    said = f"{_counted(lacking)} not measured on every training slide and left out: {_listed(lacking)}"
    return kept, said if lacking else ""


def _counted(genes: Sequence[str]) -> str:
    return f"{len(genes)} gene{'s' if len(genes) > 1 else ''}"


def _listed(genes: Sequence[str], most: int = 8) -> str:
    return ", ".join(genes[:most]) + (f" and {len(genes) - most} more" if len(genes) > most else "")
