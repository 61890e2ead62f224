"""What a dataset may call its slides: anything that is text, each slide something else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from stbench.contract import SlideSource
from stbench.errors import DatasetError
from stbench.names import unusable


def check_slide_names(dataset: str, sources: Sequence[SlideSource]) -> None:
    """DatasetError for a slide without a name, two of one name, or a name that cannot be stored."""
    for name, n_slides in Counter(source.id for source in sources).items():
        if not name.strip():
            raise DatasetError(f"{dataset} has a slide without a name; every slide needs one of its own.")
        if n_slides > 1:
            raise DatasetError(
                f"{dataset} has {n_slides} slides named {name!r}; every slide needs a name of its own."
            )
        if unusable(name):
            raise DatasetError(f"{dataset} has a slide named {name!r}, which {unusable(name)}; rename it.")
