"""Whether what a command names is there, and how it is shown, told before any library is loaded."""

from __future__ import annotations

from collections.abc import Iterable

from stbench import registry
from stbench.commands.released import is_model, model_path
from stbench.names import SYNTHETIC


def check_known(methods: Iterable[str], dataset: str | None) -> None:
    """UnknownName for the first method, or else the dataset, that there is not; UsageError for a model's file."""
    for name in methods:
        if is_model(name):
            model_path(name)
        elif name != "all":
            registry.find("method", name)
    if dataset is not None:
        registry.find("dataset", dataset)


def dataset_words(dataset: str) -> str:
    """A dataset's name, or path:DIR, with SYNTHETIC behind it where its tissue is generated."""
    return f"{dataset} ({SYNTHETIC})" if registry.is_generated(dataset) else dataset
