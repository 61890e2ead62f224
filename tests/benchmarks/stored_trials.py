"""What a large results folder costs to look at: names of stored trials, counts by method, curves of one run.

python tests/benchmarks/stored_trials.py --trials 20000 --run 2000
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stbench.evaluation.curves import Curves
from stbench.files import hash_value
from stbench.reporting.results.trial_store import TrialStore

METHODS = ("spahgc", "bleep", "stnet", "hist2st", "ridge")
CHECKPOINTS = tuple(round(100 ** (step / 15)) for step in range(16))
SCORES = ("pcc", "pcc_equal_depth", "pcc_given_depth")
FAILED_EVERY = 100


def curves_of(number: int) -> Curves:
    """A trial of a pair of blocks: two judged slides at sixteen checkpoints, or a failed one."""
    dice = random.Random(number)
    about = {
        "method": METHODS[number % len(METHODS)],
        "variant": "paper",
        "points": [{"epochs": 100, "learning_rate": 1e-4}],
        "train": [f"slide-{n}" for n in range(34)],
        "judged": ["slide-34", "slide-35"],
    }
    key = hash_value(number)
    provenance = {"machine": "a" * 40, "device": "cpu", "threads": 1, "versions": {"torch": "2.4.0"}}
    if number % FAILED_EVERY == 0:
        return Curves(key, about, failure="RuntimeError: no luck", provenance=provenance)
    curve = {score: tuple(dice.random() for _ in CHECKPOINTS) for score in SCORES}
    points = ({"slide-34": curve, "slide-35": curve},)
    cost = {"seconds": 10.0, "peak_memory_mb": 900.0, "epochs": 100.0, "steps": 3400.0}
    return Curves(key, about, CHECKPOINTS, points, cost, sealed="fully", provenance=provenance)


@contextmanager
def told(what: str) -> Iterator[None]:
    """Print how long it took."""
    started = time.perf_counter()
    yield
    print(f"{what}: {time.perf_counter() - started:.2f} s")


def count(planned: dict[str, str], store: TrialStore) -> dict[str, Counter[str]]:
    """For each method of a plan (key -> method), how many of its trials are done, failed and left."""
    finished, failed = store.names()
    found: dict[str, Counter[str]] = {}
    for key, method in planned.items():
        state = "done" if key in finished else "failed" if key in failed else "left"
        found.setdefault(method, Counter())[state] += 1
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20_000)
    parser.add_argument("--run", type=int, default=2_000, help="trials of one run, whose curves are read")
    parser.add_argument("--unsynced", action="store_true", help="store without waiting for the disk")
    given = parser.parse_args()
    if given.unsynced:
        os.fsync = lambda _: None
    with tempfile.TemporaryDirectory() as folder:
        store = TrialStore(Path(folder))
        with told(f"{given.trials} trials stored"):
            for number in range(given.trials):
                curves = curves_of(number)
                store.save(curves.key, curves.finished, curves.to_plain())
        with told("their names"):
            store.names()
        # Half as many again are planned and not done.
        planned = {hash_value(n): METHODS[n % len(METHODS)] for n in range(given.trials * 3 // 2)}
        with told("counts by method"):
            by_method = count(planned, store)
        wanted = sorted(store.names()[0])[: given.run]
        with told(f"curves of {len(wanted)} trials"):
            for key in wanted:
                Curves.from_plain(store.load(key))
        for method, states in sorted(by_method.items()):
            print(f"{method}: {states['done']} done, {states['failed']} failed, {states['left']} left")


if __name__ == "__main__":
    main()
