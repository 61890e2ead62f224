"""What a piece of work costs: wall seconds, peak memory, floating-point operations."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import psutil

Result = TypeVar("Result")
_SAMPLE_SECONDS = 0.02


@dataclass
class Cost:
    """Wall seconds; peak resident memory of the process and peak memory of the GPU in MB (None without one)."""

    seconds: float = 0.0
    peak_memory_mb: float = 0.0
    peak_gpu_memory_mb: float | None = None


def measured(work: Callable[[], Result]) -> tuple[Result, Cost]:
    """The result of `work` and what it cost; memory is sampled every 20 ms."""
    process, cost, done = psutil.Process(), Cost(), threading.Event()

    def watch() -> None:
        while True:
            cost.peak_memory_mb = max(cost.peak_memory_mb, process.memory_info().rss / 1e6)
            if done.wait(_SAMPLE_SECONDS):
                return

    cuda = _cuda()
    if cuda:
        cuda.reset_peak_memory_stats()
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    started = time.perf_counter()
    try:
        result = work()
        if cuda:
            cuda.synchronize()
    finally:
        cost.seconds = time.perf_counter() - started
        done.set()
        watcher.join()
    if cuda:
        cost.peak_gpu_memory_mb = cuda.max_memory_allocated() / 1e6
    return result, cost


def operations(work: Callable[[], object]) -> float | None:
    """Floating-point operations that torch's counter sees in `work`; None where it sees none (no network)."""
    if "torch" not in sys.modules:
        return None
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops()) or None


def _cuda():
    """torch.cuda where torch is loaded and a GPU is there, else None."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_available() else None
