"""Slides without expression: spots on an image, and no counts. They are predicted; none is trained on or scored."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from scipy import sparse

from .parts import CountMatrix, SpotPositions


def no_counts(positions: SpotPositions) -> CountMatrix:
    """Counts of no gene for these spots, so that they are joined with an image as spots with counts are."""
    counts = sparse.csr_matrix((len(positions.spot_ids), 0), dtype=np.int32)
    return CountMatrix(positions.file, tuple(positions.spot_ids), (), counts)


def lacks_counts_alone(files: Mapping[str, Path], positions: str) -> bool:
    """Whether an image is there, with its spots or without, and neither counts nor any part of a count matrix.

    positions  what the file of the spots is called among `files`
    """
    return "image" in files and files.keys() <= {
        "image",
        positions,
        "scale_factors",
        "annotation",
        "metadata",
    }
