"""Whether a machine has other work, in a few words."""

from __future__ import annotations

import os

from stbench.evaluation.threads import cores


def busy_in_words() -> str:
    """That other work makes it longer, where there is some now; "" on a quiet machine, or one that does not say."""
    if not hasattr(os, "getloadavg"):
        return ""
    load = os.getloadavg()[0]
    return f"; longer beside other work (load {load:.1f} on {cores()} cores)" if load > cores() / 2 else ""
