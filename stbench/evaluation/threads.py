"""How many threads the numerical libraries of this process may use."""

from __future__ import annotations

import os
import sys


def limit_threads(threads: int) -> None:
    """Give torch and the linear-algebra libraries that many threads; what is loaded later reads the environment."""
    import threadpoolctl

    os.environ["OMP_NUM_THREADS"] = str(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    threadpoolctl.threadpool_limits(threads)
