"""Time of one SpaHGC training step beside its arithmetic floor, on one thread.

    python tests/benchmarks/spahgc_step.py [--preset released] [--steps 20] [--edge 2048] [--profile]

The floor is the step's counted operations divided by the single-precision rate of a square matrix product, `edge`
wide, measured in the same run. 190 target and 350 reference nodes, embeddings of width 1280, 785 genes, whatever the
preset; a step is masking, both views, loss, gradient and optimiser. Goal: at most 1.5 times the floor.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from stbench.contract import FitContext
from stbench.evaluation.cost import counting
from stbench.methods.spahgc.graph import build_graph
from stbench.nn import training
from stbench.nn.training_bank import training_bank
from stbench.registry import load_method, method_card
from stbench.slide import TrainingSlide

N_TARGETS, N_REFERENCES, WIDTH, N_GENES = 190, 350, 1280, 785


def random_slide(name: str, n: int, random: np.random.Generator) -> TrainingSlide:
    """A slide of `n` spots on an array 14 spots wide, embeddings and expression drawn at random."""
    array = np.stack(np.divmod(np.arange(n), 14), axis=1)
    return TrainingSlide(
        id=name,
        group=name,
        platform="ST",
        pixel_xy=200.0 * array[:, ::-1],
        array_row_column=array,
        expression=random.random((n, N_GENES), dtype=np.float32),
        panel_counts=np.ones((n, N_GENES), dtype=np.int64),
        totals=np.full(n, 1000),
        size_factors=np.ones(n),
        embeddings=random.standard_normal((n, WIDTH), dtype=np.float32),
    )


def step_trainer(preset: str) -> Callable[[int], list[float]]:
    """A function that takes so many steps in the shared loop and gives the seconds of each."""
    random = np.random.default_rng(0)
    target, bank = random_slide("target", N_TARGETS, random), random_slide("bank", N_REFERENCES, random)
    settings = method_card("spahgc").presets[preset] | {"epochs": 0, "reference_nodes": "all"}
    method: Any = load_method("spahgc")(**settings)
    context = FitContext()
    method.fit([target, bank], context=context)
    graph = build_graph(target, training_bank([bank]), method._recipe())
    truth, network = torch.from_numpy(target.expression), method._network
    frozen = method.second_view == "frozen"
    second = copy.deepcopy(network.encoder).requires_grad_(False) if frozen else network.encoder

    def take(steps: int) -> list[float]:
        times = []

        def losses(epoch: int) -> Iterator[torch.Tensor]:
            for _ in range(steps):
                start = time.perf_counter()
                yield method._loss(graph, truth, second, generator)
                times.append(time.perf_counter() - start)

        with training.seeded(context) as generator:
            optimiser = training.adamw(network, method.learning_rate, method.weight_decay)
            training.train(network, optimiser, losses, 1, context)
        return times

    return take


def matmul_rate(edge: int) -> float:
    """Operations per second of a square single-precision matrix product, median of 10."""
    a, b, times = torch.randn(edge, edge), torch.randn(edge, edge), []
    for _ in range(12):
        start = time.perf_counter()
        a @ b
        times.append(time.perf_counter() - start)
    return 2 * edge**3 / statistics.median(times[2:])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", choices=list(method_card("spahgc").presets), default="released")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--edge", type=int, default=2048, help="of the matrices")
    parser.add_argument("--profile", action="store_true", help="show where the time goes instead")
    options = parser.parse_args()
    torch.set_num_threads(1)
    train_steps = step_trainer(options.preset)
    if options.profile:
        train_steps(3)
        with torch.profiler.profile() as profile:
            train_steps(options.steps)
        print(profile.key_averages().table(sort_by="self_cpu_time_total", row_limit=25))
        return
    with counting() as counter:
        train_steps(1)
    count, before = counter.get_total_flops(), matmul_rate(options.edge)
    step = statistics.median(train_steps(options.steps + 3)[3:])
    rate = (before + matmul_rate(options.edge)) / 2
    print(f"counted operations  {count / 1e9:8.2f} GFLOP")
    print(f"matrix product      {rate / 1e9:8.1f} GFLOP/s")
    print(f"arithmetic floor    {1e3 * count / rate:8.1f} ms")
    print(f"median step         {1e3 * step:8.1f} ms")
    print(f"ratio               {step * rate / count:8.2f}")


if __name__ == "__main__":
    main()
