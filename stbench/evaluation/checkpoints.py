"""After which epochs of an inner fit predictions are judged."""

from __future__ import annotations

import numpy as np

N_CHECKPOINTS = 16
# Part of a table's identity: which epochs could be chosen.
RULE = f"{N_CHECKPOINTS} epochs spaced geometrically"


def checkpoints_of(epochs: int) -> tuple[int, ...]:
    """About 16 epochs from 1 to `epochs`, each further from the last by the same factor; none of no epochs."""
    if epochs < 1:
        return ()
    spaced = np.geomspace(1, epochs, N_CHECKPOINTS)
    return tuple(dict.fromkeys(round(float(epoch)) for epoch in spaced))
