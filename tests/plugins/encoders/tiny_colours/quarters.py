"""The four quarters of patches."""

from __future__ import annotations

import numpy as np


def quarters(patches: np.ndarray) -> list[np.ndarray]:
    """(n, edge, edge, 3) -> four of (n, edge / 2, edge / 2, 3)."""
    half = patches.shape[1] // 2
    return [patches[:, y : y + half, x : x + half] for y in (0, half) for x in (0, half)]
