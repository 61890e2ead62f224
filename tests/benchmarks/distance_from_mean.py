"""How far a method's predictions still are from the genes' training means after a number of epochs.

    python tests/benchmarks/distance_from_mean.py histogene,thitogene --dataset her2 --slides C2,C3,C4,C5
        [--epochs 0,20] [--spots 60] [--threads 1]

Each method is fitted anew, at its published settings and seed 0, for each number of epochs on all slides named, and
predicts these slides again. Printed is the absolute difference of a gene's mean prediction and its training mean,
averaged over the genes, beside what the training means themselves average: a network that predicts 0 everywhere is
that far away. Both are on the log scale, ln(1 + counts per million).
"""

from __future__ import annotations

import argparse
import dataclasses
import warnings
from typing import Any, NamedTuple

import numpy as np
import torch

from stbench.commands.choosing import find_slides
from stbench.contract import FitContext
from stbench.evaluation.design import Design
from stbench.evaluation.fit_inputs import fit_inputs
from stbench.evaluation.folds import Fold
from stbench.evaluation.materials import Materials
from stbench.evaluation.trials.conduct import build
from stbench.preprocess.expression import Scaling
from stbench.registry import load_method, method_card
from stbench.slide import QuerySlide, TrainingSlide

SEEN_BY_QUERIES = [field.name for field in dataclasses.fields(QuerySlide)]
SPOTWISE = (
    "pixel_xy",
    "array_row_column",
    "expression",
    "panel_counts",
    "totals",
    "size_factors",
    "embeddings",
)


class Distance(NamedTuple):
    """After a fit: optimiser steps taken, distance from the training means, and what these average."""

    steps: int
    distance: float
    means: float


def training_slides(
    name: str, design: Design, data_root: str | None, slides: list[str] | None, n_spots: int | None
) -> tuple[list[TrainingSlide], Scaling]:
    """The slides as the method named is given them in a run, cut to their first spots, and their scale."""
    sources, _ = find_slides(design.dataset, data_root, slides)
    names = tuple(source.id for source in sources)
    fold = Materials(design, sources, {name: name for name in names}).fold(Fold("all", names, ()))
    inputs = fit_inputs(fold, method_card(name), names)
    opened: list[Any] = [handout.open() for handout in inputs.train]
    return [first_spots(slide, n_spots) for slide in opened], inputs.scaling


def first_spots(slide: TrainingSlide, n: int | None) -> TrainingSlide:
    """The slide's first `n` spots, all of them for None."""
    given = {key: getattr(slide, key) for key in SPOTWISE}
    cut = {key: values[:n] for key, values in given.items() if values is not None}
    patches = {edge: values[:n] for edge, values in slide.patches.items()}
    return dataclasses.replace(slide, **cut, patches=patches)


def distance(name: str, train: list[TrainingSlide], scaling: Scaling, epochs: int) -> Distance:
    """Fit the method for so many epochs and compare its predictions of `train` with the training means."""
    method: Any = build(load_method(name), {"epochs": epochs}, None)
    report = method.fit(train, context=FitContext())
    queries = [QuerySlide(**{key: getattr(slide, key) for key in SEEN_BY_QUERIES}) for slide in train]
    predicted = np.concatenate([scaling.invert(method.predict(query)) for query in queries]).mean(axis=0)
    means = np.concatenate([scaling.invert(slide.expression) for slide in train]).mean(axis=0)
    return Distance(report.steps, float(np.abs(predicted - means).mean()), float(means.mean()))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("methods", help="names, comma-separated, of methods with epochs")
    parser.add_argument("--dataset", default="demo-tiny")
    parser.add_argument("--data-root", help="where the dataset lies, if not at $STBENCH_DATA")
    parser.add_argument(
        "--slides", type=lambda text: text.split(","), help="all of the dataset, if not given"
    )
    parser.add_argument("--epochs", type=lambda text: [int(n) for n in text.split(",")], default=[0, 20])
    parser.add_argument("--spots", type=int, help="the first so many of each slide; all, if not given")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    warnings.simplefilter("ignore")
    for name in given.methods.split(","):
        design = Design(dataset=given.dataset, inner="none")
        train, scaling = training_slides(name, design, given.data_root, given.slides, given.spots)
        genes = train[0].expression.shape[1]
        for epochs in given.epochs:
            found = distance(name, train, scaling, epochs)
            print(
                f"{name}: after {found.steps} steps ({epochs} epochs of {len(train)} slides) the means of {genes} "
                f"genes are off by {found.distance:.2f}; they average {found.means:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
