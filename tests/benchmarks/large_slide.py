"""Memory and seconds of predicting one large slide, each method in a process of its own.

    python tests/benchmarks/large_slide.py histogene,eggn [--spots 5000] [--threads 2]

The slide is drawn at random. The method is fitted for one epoch on two small slides first. Peak memory is that of
the whole process, the slide's own arrays included (printed beside it). Goal: 5,000 spots and 785 genes within 24 GiB.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time
import warnings
from typing import Any

import numpy as np
from drawn_slides import N_GENES, query_slide, training_slide

from stbench.contract import FitContext
from stbench.evaluation.runner import build
from stbench.registry import load_method, method_card

N_TRAINING_SPOTS = 64


def measure(name: str, n_spots: int, threads: int, answer: Any) -> None:
    """Send back seconds, peak memory and the slide's own bytes."""
    import torch

    warnings.simplefilter("ignore")
    torch.set_num_threads(threads)
    random, card = np.random.default_rng(0), method_card(name)
    method = build(load_method(name), {}, 1)
    train = [training_slide(slide, N_TRAINING_SPOTS, card, random) for slide in "AB"]
    method.fit(train, context=FitContext())
    query = query_slide(n_spots, card, random)
    started = time.perf_counter()
    predicted = method.predict(query)
    seconds = time.perf_counter() - started
    assert predicted.shape == (n_spots, N_GENES) and np.isfinite(predicted).all()
    arrays = [query.embeddings, *query.patches.values()]
    own = sum(array.nbytes for array in arrays if array is not None)
    answer.put((seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, own))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("methods", help="names, comma-separated")
    parser.add_argument("--spots", type=int, default=5000)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    fresh = multiprocessing.get_context("spawn")
    for name in given.methods.split(","):
        answer = fresh.SimpleQueue()
        process = fresh.Process(target=measure, args=(name, given.spots, given.threads, answer))
        process.start()
        process.join()
        if process.exitcode:
            print(f"{name}: ended with status {process.exitcode}", flush=True)
            continue
        seconds, peak, own = answer.get()
        print(
            f"{name}: {given.spots:,} spots in {seconds:.1f} s, peak {peak / 2**30:.1f} GiB, "
            f"of which the slide {own / 2**30:.1f} GiB",
            flush=True,
        )


if __name__ == "__main__":
    main()
