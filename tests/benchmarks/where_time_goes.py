"""Where the seconds of a training epoch go, operation by operation.

    python tests/benchmarks/where_time_goes.py stnet,bleep [--spots 128] [--threads 1]

One epoch on two slides drawn at random (785 genes) is watched by torch's profiler after one that is not. An epoch's
arithmetic floor is convolutions and matrix products at the rate of a large matrix product, the rate printed beside
it; what the other rows take comes on top, and convolutions of few channels never reach that rate.
"""

from __future__ import annotations

import argparse
import warnings
from collections import Counter
from typing import Any

import numpy as np
import torch
from drawn_slides import training_slide
from torch.profiler import ProfilerActivity, profile

from stbench.contract import FitContext
from stbench.evaluation.trials.conduct import build
from stbench.evaluation.trials.stopwatch import matrix_rate
from stbench.registry import load_method, method_card

KINDS = {
    "convolutions": ("conv",),
    "matrix products": ("mm", "scaled_dot_product", "flash_attention", "lstm", "rnn"),
    "normalisation": ("norm",),
    "pooling": ("pool",),
    "optimiser": ("adam", "sgd", "_foreach"),
    "copies": ("copy", "cat", "index", "fill", "zero", "clone", "contiguous", "gather", "scatter"),
}


def kind_of(operation: str) -> str:
    """The first kind one of whose words the operation's name contains."""
    for kind, words in KINDS.items():
        if any(word in operation.lower() for word in words):
            return kind
    return "element by element, and the rest"


def seconds_by_kind(name: str, n_spots: int) -> Counter[str]:
    """Seconds of one epoch by kind of operation, without the operations that one calls."""
    random, card = np.random.default_rng(0), method_card(name)
    method: Any = build(load_method(name), {}, 1)
    train = [training_slide(slide, n_spots // 2, card, random) for slide in "AB"]
    method.fit(train, context=FitContext())
    with profile(activities=[ProfilerActivity.CPU]) as watched:
        method.fit(train, context=FitContext())
    seconds: Counter[str] = Counter()
    for event in watched.key_averages():
        seconds[kind_of(event.key)] += event.self_cpu_time_total / 1e6
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("methods", help="names, comma-separated")
    parser.add_argument("--spots", type=int, default=128)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    warnings.simplefilter("ignore")
    print(f"matrix products: {matrix_rate('cpu') / 1e9:.0f} GFLOP/s")
    for name in given.methods.split(","):
        seconds = seconds_by_kind(name, given.spots)
        whole = sum(seconds.values())
        shares = ", ".join(f"{kind} {100 * part / whole:.0f} %" for kind, part in seconds.most_common())
        print(f"{name}: {given.spots} spots in {whole:.1f} s: {shares}", flush=True)


if __name__ == "__main__":
    main()
