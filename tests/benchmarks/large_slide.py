"""Memory and seconds of predicting one large slide, or of an epoch on it, each method in a process of its own.

    python tests/benchmarks/large_slide.py histogene,eggn [--spots 5000] [--threads 2] [--train]

The slide is drawn at random. Predicting, the method is fitted for one epoch on two small slides first; training, it is
fitted for one epoch on the large one and a small one. Peak memory is that of
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
from stbench.evaluation.trials.conduct import build
from stbench.registry import load_method, method_card

N_TRAINING_SPOTS = 64


def measure(name: str, n_spots: int, threads: int, trains: bool, answer: Any) -> None:
    """Send back seconds, peak memory, the slide's own bytes, and what the fit had to say."""
    import torch

    warnings.simplefilter("ignore")
    torch.set_num_threads(threads)
    random, card = np.random.default_rng(0), method_card(name)
    method = build(load_method(name), {}, 1)
    sizes = (n_spots if trains else N_TRAINING_SPOTS, N_TRAINING_SPOTS)
    train = [training_slide(slide, n, card, random) for slide, n in zip("AB", sizes, strict=True)]
    started = time.perf_counter()
    report = method.fit(train, context=FitContext())
    large = train[0]
    if not trains:
        large = query_slide(n_spots, card, random)
        started = time.perf_counter()
        predicted = method.predict(large)
        assert predicted.shape == (n_spots, N_GENES) and np.isfinite(predicted).all()
    seconds = time.perf_counter() - started
    arrays = [large.embeddings, *large.patches.values()]
    own = sum(array.nbytes for array in arrays if array is not None)
    notes = report.notes if trains else ()
    answer.put((seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, own, notes))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("methods", help="names, comma-separated")
    parser.add_argument("--spots", type=int, default=5000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--train", action="store_true", help="an epoch on the slide, not its prediction")
    given = parser.parse_args()
    fresh = multiprocessing.get_context("spawn")
    for name in given.methods.split(","):
        answer = fresh.SimpleQueue()
        process = fresh.Process(target=measure, args=(name, given.spots, given.threads, given.train, answer))
        process.start()
        process.join()
        if process.exitcode:
            print(f"{name}: ended with status {process.exitcode}", flush=True)
            continue
        seconds, peak, own, notes = answer.get()
        work = "trained" if given.train else "predicted"
        print(
            f"{name}: {given.spots:,} spots {work} in {seconds:.1f} s, peak {peak / 2**30:.1f} GiB, "
            f"of which the slide {own / 2**30:.1f} GiB",
            *notes,
            flush=True,
        )


if __name__ == "__main__":
    main()
