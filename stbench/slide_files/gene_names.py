"""Gene symbols that name several genes: made unique, counted and said."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

log = logging.getLogger(__name__)


def unique_genes(symbols: Sequence[str], file: Path) -> tuple[str, ...]:
    """The symbols in their order, a repeated one with -1, -2, ... from its second occurrence on, as scanpy does."""
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
