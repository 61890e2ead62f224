"""Cores and threads: what this process may use, and how much of it the numerical libraries take."""

from __future__ import annotations

import os
import sys


def cores() -> int:
    """The cores that this process may use: those it may run on, less where a quota is set (a container's, say)."""
    import joblib

    return max(1, joblib.cpu_count())


def threads_for(wanted: int | None) -> int:
    """Threads of a trial: as asked for, else what OMP_NUM_THREADS says, else one.

    Small graphs gain nothing from a second thread and lose much where it is held up; several trials at a time do.
    """
    said = os.environ.get("OMP_NUM_THREADS", "")
    return wanted if wanted is not None else max(1, int(said)) if said.isdecimal() else 1


def limit_threads(threads: int) -> None:
    """Give torch and the linear-algebra libraries that many threads; what is loaded later reads the environment."""
    import threadpoolctl

    os.environ["OMP_NUM_THREADS"] = str(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    threadpoolctl.threadpool_limits(threads)
