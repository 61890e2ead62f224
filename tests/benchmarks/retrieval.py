"""Time and extra memory of the neighbour search, beside a bare blocked matrix product of the same size.

    python tests/benchmarks/retrieval.py [--rows 200000] [--queries 2000] [--metrics cosine l2] [--threads 1]

Goal: cosine and l2 within 1.5 times the bare product and 2 GiB of extra memory; l1 within five minutes on two
cores (--metrics l1 --threads 2).
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable

import numpy as np
import psutil
import torch

from stbench.preprocess.neighbours import _BANK_BLOCK, _QUERY_BLOCK, top_k


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """Wall seconds of `work`, and by how many GiB the process grew while it ran."""
    process, done, peak = psutil.Process(), threading.Event(), [0]

    def watch() -> None:
        while not done.wait(0.01):
            peak[0] = max(peak[0], process.memory_info().rss)

    before = process.memory_info().rss
    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    done.set()
    watcher.join()
    return seconds, max(0, peak[0] - before) / 2**30


def bare_product(query: np.ndarray, bank: np.ndarray) -> None:
    """Every product of a query with a bank row, in the blocks that the search uses, nothing kept."""
    queries, rows = torch.from_numpy(query), torch.from_numpy(bank)
    for i in range(0, len(queries), _QUERY_BLOCK):
        for j in range(0, len(rows), _BANK_BLOCK):
            queries[i : i + _QUERY_BLOCK] @ rows[j : j + _BANK_BLOCK].T


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--queries", type=int, default=2_000)
    parser.add_argument("--width", type=int, default=1_280)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--metrics", nargs="+", default=["cosine", "l2"])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    random = np.random.default_rng(0)
    bank = random.standard_normal((options.rows, options.width), dtype=np.float32)
    query = random.standard_normal((options.queries, options.width), dtype=np.float32)
    bare, _ = measured(lambda: bare_product(query, bank))
    print(f"bare product  {bare:7.2f} s")
    for metric in options.metrics:
        seconds, extra = measured(lambda metric=metric: top_k(query, bank, 7, metric))
        print(f"{metric:12s}  {seconds:7.2f} s   {seconds / bare:5.2f} x bare   {extra:.2f} GiB extra")


if __name__ == "__main__":
    main()
