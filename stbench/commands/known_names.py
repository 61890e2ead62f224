"""Whether what a command names is there, told before any library is loaded."""

from __future__ import annotations

from collections.abc import Iterable

from stbench import registry


def check_known(methods: Iterable[str], dataset: str | None) -> None:
    """UnknownName for the first method, or else the dataset, that there is not."""
    for name in methods:
        registry.find("method", name)
    if dataset is not None:
        registry.find("dataset", dataset)
