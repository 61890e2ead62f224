"""Gene panels that were ranked before: ranking takes a fifth of a second a slide, and every worker needs it again.

A panel is filed under what it was ranked on: the counts and places of the training slides, and the code that ranks.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from stbench.errors import StorageError
from stbench.files import cache_root, hash_tree, hash_value, read_json_or_none, write_json
from stbench.preprocess.cache import array_hash
from stbench.preprocess.genes import GenePanel, choose_panel, with_markers
from stbench.preprocess.marker_genes import BASE, has_markers
from stbench.slide import Slide

_RANKED = ("train-hvg", "highest", "svg")
_RANKING_PACKAGES = ("scanpy", "scikit-misc", "numpy", "scipy", "pandas")


def cached_panel(
    spec: str, n_genes: int, training: Sequence[Slide], every: Sequence[Slide], min_counts: int
) -> GenePanel:
    """As `choose_panel`; a panel that is ranked on training slides is read where it was ranked on these before."""
    if has_markers(spec):
        return with_markers(cached_panel(BASE, n_genes, training, every, min_counts), spec, training)
    if spec not in _RANKED:
        return choose_panel(spec, n_genes, training, every, min_counts)
    identity = {
        "panel": [spec, n_genes, min_counts],
        "code": _ranking_code(),
        "slides": [_content(slide) for slide in training],
    }
    path = cache_root() / "panels" / f"{hash_value(identity)}.json"
    known = read_json_or_none(path)
    if _is_panel(known):
        return GenePanel(tuple(known))
    panel = choose_panel(spec, n_genes, training, every, min_counts)
    with contextlib.suppress(
        StorageError
    ):  # a cache that may only be read, or is full, costs time and nothing else
        write_json(path, list(panel.genes))
    return panel


def _is_panel(known: object) -> bool:
    return isinstance(known, list) and bool(known) and all(isinstance(gene, str) for gene in known)


@cache
def _ranking_code() -> str:
    versions = [importlib.metadata.version(package) for package in _RANKING_PACKAGES]
    return hash_value([hash_tree(Path(__file__).parent), versions])


def _content(slide: Slide) -> str:
    """Hash of what a ranking looks at."""
    counts = slide.counts
    arrays = [counts.data, counts.indices, counts.indptr, slide.pixel_xy, slide.array_row_column]
    return hash_value([list(slide.genes), *map(array_hash, arrays)])
