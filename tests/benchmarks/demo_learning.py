"""Whether SpaHGC visibly learns on the demo's tissue: beside ridge, on the shipped seed of the generator or another.

    python tests/benchmarks/demo_learning.py [--seed 7] [--epochs 40,80] [--threads 1]

Leave one slide out, published settings, no inner loop: SpaHGC for each number of epochs (by default what the demo's
card caps them at), ridge untuned, and the training mean. Printed are means over the slides of the variance ratio, PCC,
PCC given depth and RMSE, and the CPU seconds of the fits.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from stbench.contract import FitContext
from stbench.evaluation.design import Design
from stbench.evaluation.fit_inputs import FitInputs, fit_inputs
from stbench.evaluation.folds import outer_folds
from stbench.evaluation.judging import Judge
from stbench.evaluation.materials import Materials
from stbench.evaluation.trials.conduct import build
from stbench.registry import dataset_card, load_dataset, load_method, method_card
from stbench.synthetic.dataset import SyntheticDataset

Demo: type[SyntheticDataset] = load_dataset("demo")  # type: ignore[assignment]  # the demo is synthetic
SCORES = ("variance_ratio", "pcc", "pcc_given_depth", "rmse")


class Learned(NamedTuple):
    """Means over the demo's slides, each predicted by a fit on the others; `cpu` seconds of all fits."""

    method: str
    epochs: int
    scores: dict[str, float]
    cpu: float

    def __str__(self) -> str:
        values = "  ".join(f"{name} {value:.3f}" for name, value in self.scores.items())
        return f"{self.method:6} {self.epochs:4} epochs  {values}  {self.cpu:.0f} CPU s"


def dataset_of(seed: int) -> SyntheticDataset:
    """The demo, made from that seed of the generator."""

    demo = Demo()
    demo.design = demo.design._replace(seed=seed)  # type: ignore[misc]
    return demo


def card_epochs() -> int:
    """The bound on epochs of the demo's card."""
    epochs = dataset_card("demo").max_epochs
    if epochs is None:
        raise ValueError("The demo's card caps no epochs.")
    return epochs


def learned(demo: SyntheticDataset, folder: Path, epochs: Sequence[int]) -> Iterator[Learned]:
    """Ridge, the training mean, and SpaHGC after each of `epochs`, on slides generated below `folder`."""
    sources = demo.slides(folder)
    design = Design(dataset="demo", inner="none")
    materials = Materials(design, sources)
    card = dataset_card("demo")
    judge = Judge(materials, card.unlabelled, card.tumour_labels)
    folds = outer_folds({source.id: source.patient for source in sources}, design.split)
    for method, checkpoints in (("mean", [0]), ("ridge", [0]), ("spahgc", epochs)):
        found: dict[int, list[Mapping[str, float | None]]] = {epoch: [] for epoch in checkpoints}
        started = time.process_time()
        for fold in folds:
            inputs = fit_inputs(materials.fold(fold), method_card(method), fold.train, fold.test)
            for epoch, predicted in _predictions(method, inputs, checkpoints):
                _, judged = judge.score(fold, fold.test[0], inputs.scaling.invert(predicted))
                found[epoch].append(judged.scores)
        seconds = time.process_time() - started
        for epoch, slides in found.items():
            yield Learned(method, epoch, {name: _mean(slides, name) for name in SCORES}, seconds)


def _predictions(method: str, inputs: FitInputs, checkpoints: Sequence[int]) -> list[tuple[int, np.ndarray]]:
    """What a fit predicts for its one query at each checkpoint, on the training scale."""
    train, queries = [h.open() for h in inputs.train], [h.open() for h in inputs.queries]
    settings = {"epochs": max(checkpoints)} if max(checkpoints) else {}
    fitted: Any = build(load_method(method), settings, None)
    handed: list[tuple[int, np.ndarray]] = []

    def keep(epoch: int, predictions: Sequence[np.ndarray]) -> None:
        handed.append((epoch, predictions[0]))

    if not settings:
        fitted.fit(train, context=FitContext())
        return [(0, fitted.predict(queries[0]))]
    fitted.fit(train, queries, checkpoints, FitContext(hand_over=keep))
    return handed


def _mean(slides: Sequence[Mapping[str, float | None]], name: str) -> float:
    return float(np.mean([slide[name] or 0.0 for slide in slides]))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=Demo.design.seed)
    parser.add_argument("--epochs", type=lambda text: [int(n) for n in text.split(",")])
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        epochs = given.epochs or [card_epochs()]
        for line in learned(dataset_of(given.seed), Path(folder), epochs):
            print(line, flush=True)


if __name__ == "__main__":
    main()
