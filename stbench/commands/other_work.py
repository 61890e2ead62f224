"""What else this machine is at, as far as it says."""

from __future__ import annotations

import os

from stbench.evaluation.threads import cores


def load_and_cores() -> tuple[float, int]:
    """How many processes want a core, over the last minute, and the cores that this one may use; 0 where unknown."""
    return (os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0), cores()
