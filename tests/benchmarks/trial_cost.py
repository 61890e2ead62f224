"""What a process of its own costs a trial: the same trial of a floor, sealed and in this process, one thread.

python tests/benchmarks/trial_cost.py --method ridge --repeats 20
"""

from __future__ import annotations

import argparse
import statistics
import time

from stbench import registry
from stbench.commands.audit import _contestant
from stbench.commands.choosing import find_slides
from stbench.evaluation.design import Design
from stbench.evaluation.fit_inputs import fit_inputs
from stbench.evaluation.folds import group_slides, leave_one_group_out
from stbench.evaluation.materials import Materials
from stbench.evaluation.threads import limit_threads
from stbench.evaluation.trials.benches import Bench, Ear, InProcessBench, SealedBench
from stbench.evaluation.trials.trial import Trial


def trial_of(method: str) -> Trial:
    """Fit on all slides of demo-tiny but the first, and predict that."""
    sources, _ = find_slides("demo-tiny", None)
    groups = group_slides({source.id: source.patient for source in sources}, "slide")
    contestant = _contestant(method, {})
    fold = leave_one_group_out(groups)[0]
    materials = Materials(Design("demo-tiny", genes="highest"), sources, groups).fold(fold)
    train = fit_inputs(materials, contestant.card, fold.train).train
    query = materials.query_handout(fold.test[0], "query-0", contestant.card)
    light = contestant.card.kind == "floor"
    return Trial(contestant.place, {}, None, 0, "cpu", 1, tuple(train), (query,), light=light)


def seconds(bench: Bench, trial: Trial, repeats: int) -> float:
    """The median over trials after the first, for which libraries are loaded."""
    taken = []
    for _ in range(1 + repeats):
        started = time.perf_counter()
        bench.conduct(trial, Ear())
        taken.append(time.perf_counter() - started)
    return statistics.median(taken[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", default="ridge")
    parser.add_argument("--repeats", type=int, default=20)
    given = parser.parse_args()
    limit_threads(1)
    trial = trial_of(given.method)
    here = seconds(InProcessBench(registry.load_method), trial, given.repeats)
    sealed = seconds(SealedBench(), trial, given.repeats)
    print(f"{given.method}: {sealed:.3f} s sealed, {here:.3f} s in this process, {sealed - here:.3f} s more")


if __name__ == "__main__":
    main()
