"""Memory and seconds of predicting one large slide, each method in a process of its own.

    python tests/benchmarks/large_slide.py histogene,eggn [--spots 5000] [--threads 2]

Pixels, embeddings and counts are drawn at random on a square array; what a method computes and keeps does not depend
on their values. The method is fitted for one epoch on two small slides first. Peak memory is that of the whole process,
the slide's own arrays included (printed beside it). Goal: 5,000 spots and 785 genes within 24 GiB.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import resource
import time
import warnings
from typing import Any

import numpy as np

from stbench.contract import FitContext, MethodCard
from stbench.evaluation.runner import build
from stbench.registry import load_method, method_card
from stbench.slide import QuerySlide, TrainingSlide

N_TRAINING_SPOTS, N_GENES, WIDTH = 64, 785, 1280


def image_side(n: int, card: MethodCard, random: np.random.Generator) -> dict[str, Any]:
    """What a method may see of `n` spots, as far as its card asks for it."""
    row, column = np.divmod(np.arange(n), math.ceil(math.sqrt(n)))
    sizes = {edge: card.needs.resized_to or edge for edge in card.needs.patches}
    return {
        "platform": "ST",
        "pixel_xy": 200.0 * np.stack([column, row], axis=1),
        "array_row_column": np.stack([row, column], axis=1),
        "embeddings": random.standard_normal((n, WIDTH), dtype=np.float32) if card.needs.embeddings else None,
        "patches": {
            edge: random.integers(0, 256, (n, size, size, 3), np.uint8) for edge, size in sizes.items()
        },
    }


def training_slide(name: str, card: MethodCard, random: np.random.Generator) -> TrainingSlide:
    n = N_TRAINING_SPOTS
    return TrainingSlide(
        id=name,
        group=name,
        expression=random.random((n, N_GENES), dtype=np.float32),
        panel_counts=random.poisson(2.0, (n, N_GENES)),
        totals=np.full(n, 2000),
        size_factors=np.ones(n),
        **image_side(n, card, random),
    )


def measure(name: str, n_spots: int, threads: int, answer: Any) -> None:
    """Send back seconds, peak memory and the slide's own bytes."""
    import torch

    warnings.simplefilter("ignore")
    torch.set_num_threads(threads)
    random, card = np.random.default_rng(0), method_card(name)
    method = build(load_method(name), {}, 1)
    method.fit([training_slide(slide, card, random) for slide in "AB"], context=FitContext())
    query = QuerySlide(id="query", **image_side(n_spots, card, random))
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
