"""What genes are called: blanks and quotes stripped, repeated names made unique, symbols told from Ensembl ids."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Protocol

import pandas as pd

from stbench.errors import DatasetError

from .missing_words import known

log = logging.getLogger(__name__)
SYMBOLS, ENSEMBL, NUMBERS = "symbols", "Ensembl identifiers", "numbers"
_ENSEMBL = re.compile(r"ENS[A-Z]*G\d{11}(\.\d+)?", re.IGNORECASE)
_AROUND = " \t\r\n\v\f\u00a0\ufeff\"'"
_NEEDED = "one kind of names over all slides is needed, symbols say"


class GenesOfSlide(Protocol):
    """What of a slide is looked at here; a Slide has both."""

    @property
    def id(self) -> str: ...
    @property
    def genes(self) -> tuple[str, ...]: ...


def kind_of(names: Sequence[str]) -> str:
    """What most of the names are: SYMBOLS, ENSEMBL (of any species, with a version or without) or NUMBERS."""
    half = len(names) / 2
    if sum(_ENSEMBL.fullmatch(name) is not None for name in names) > half:
        return ENSEMBL
    return NUMBERS if sum(name.isdigit() for name in names) > half else SYMBOLS


def gene_kinds(slides: Iterable[GenesOfSlide]) -> str:
    """One sentence where the slides of a data set name genes by different kinds or share no gene; "" where all is well.

    Cheap: it looks at names only.
    """
    slides = [slide for slide in slides if slide.genes]
    by_kind: dict[str, list[GenesOfSlide]] = {}
    for slide in slides:
        by_kind.setdefault(kind_of(slide.genes), []).append(slide)
    if len(by_kind) > 1:
        found = ", ".join(
            f"{_names(alike)} by {kind} ({alike[0].genes[0]}, say)" for kind, alike in by_kind.items()
        )
        return (
            f"The slides name genes in different ways: {found}; {_NEEDED}, so rename the genes of one kind."
        )
    sets = [(slide, frozenset(slide.genes)) for slide in slides]
    for (one, genes), (other, others) in combinations(sets, 2):
        if genes.isdisjoint(others):
            return _nothing_in_common(one, other)
    return ""


def _nothing_in_common(one: GenesOfSlide, other: GenesOfSlide) -> str:
    """The sentence on two slides without a common gene; names that differ in case or version alone are said."""
    sentence = f"The slides {one.id} and {other.id} have no gene in common ({one.genes[0]} and {other.genes[0]}, say)"
    if not _plain(one.genes).isdisjoint(_plain(other.genes)):
        return f"{sentence}: their names differ in case or version; spell them alike."
    return f"{sentence}; {_NEEDED}, and slides of one species."


def _plain(genes: Sequence[str]) -> set[str]:
    """Names in one case, Ensembl ids without versions."""
    return {name.partition(".")[0] if _ENSEMBL.fullmatch(name) else name.upper() for name in genes}


def _names(slides: Sequence[GenesOfSlide], longest: int = 6) -> str:
    names = [slide.id for slide in slides]
    further = f" and {len(names) - longest} more" if len(names) > longest else ""
    return ", ".join(names[:longest]) + further


def symbols_of(*columns: Sequence[str]) -> list[str]:
    """The names of the first column of a file that holds symbols, else of one with Ensembl ids, else of the first.

    A gene without a symbol keeps its name in another column.
    """
    stripped = [[name.strip(_AROUND) for name in column] for column in columns]
    cleaned = [list(map(known, column)) for column in stripped]
    by_kind = [column for kind in (SYMBOLS, ENSEMBL) for column in cleaned if _holds(kind, column)]
    chosen = next(iter(by_kind), cleaned[0])
    others = [column for column in cleaned if column is not chosen]
    return [next(filter(None, names), "") for names in zip(chosen, *others, stripped[0], strict=True)]


def _holds(kind: str, column: Sequence[str]) -> bool:
    return kind_of(column) == kind and sum(map(bool, column)) > len(column) / 2


def unique_genes(symbols: Sequence[str], file: Path) -> tuple[str, ...]:
    """The symbols in their order, blanks and quotes around them stripped; DatasetError where one has no name.

    A repeated one gets -1, -2, ... from its second occurrence on, as scanpy does.
    """
    symbols = [symbol.strip(_AROUND) for symbol in symbols]
    if not all(symbols):
        raise DatasetError(
            f"{file} leaves gene {symbols.index('') + 1} of {len(symbols)} without a name; each needs one."
        )
    repeated = pd.Index(symbols).duplicated()
    if not repeated.any():
        return tuple(symbols)
    from anndata.utils import make_index_unique

    names = tuple(make_index_unique(pd.Index(symbols, dtype=object), join="-"))
    example = next(name for name, again in zip(symbols, repeated, strict=True) if again)
    log.warning(
        "%s: %d gene symbols occur more than once (%s, say); from the second on they are named SYMBOL-1, SYMBOL-2",
        *(file.name, int(repeated.sum()), example),
    )
    return names
