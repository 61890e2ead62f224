"""Whether `--inner pairs` estimates and chooses as the literal nested loop does, on slides drawn at random.

    python tests/benchmarks/pairs.py [--data-sets 20] [--methods ridge,smooth,knn,descent] [--split patient]
        [--four-patients] [--json FILE]
    python tests/benchmarks/pairs.py --methods eggn --data-sets 5

Each data set has 8 patients of two slides (eight_patients.py); `train-hvg` panels of 30 of 60 genes. Split by patient,
a pair trial trains on the same slides as the literal loop's and has a panel of its own slides where the literal loop
has the outer fold's; split by slide, pairs keep patients together and the literal loop does not. For each method:
mean outer PCC by both loops; regret, which is the outer score of the best setting and checkpoint in hindsight minus
that of the chosen; how many checkpoints later pairs stop; fits. Mean differences must lie within 0.002 and two standard
errors over data sets, and the checkpoint's shift within one: else the exit status is 1.

By slide nothing is bounded but what is printed: pairs choose what is best for patients that were not trained on, for
all splits alike, and pay for it where another slide of the patient is at hand. What that costs is the difference.

--four-patients shows, for methods with epochs, the bias of the epoch choice where a pair trains on two patients and
the refit on three: nothing is bounded there but what is printed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from descent import CARD, Descent
from eight_patients import DrawnMaterials, Size, draw_slides, sources_of
from nested_loops import Hindsight, NestedLoop, contestant_of, in_hindsight, outer_score, run_nested

from stbench.evaluation.contestant import Contestant
from stbench.evaluation.design import Design
from stbench.evaluation.threads import limit_threads
from stbench.evaluation.trials.benches import InProcessBench
from stbench.registry import load_method, method_card

TOLERANCE, MOST_SHIFT = 0.002, 1.0
LOOPS = ("all", "pairs")
# Small enough for some thousand fits; two settings each.
NETWORKS = {
    "eggn": ({"hidden": 32, "layers": 2, "epochs": 8}, [{}, {"exemplars": 9}]),
    "spahgc": ({"hidden": 32, "layers": 1, "epochs": 8}, [{}, {"references": 9}]),
}


class OfLoop(NamedTuple):
    """One method on one data set by one loop, means over outer folds.

    outer, inner     PCC of the refits, and what the inner loop had said of the chosen
    regret           by the best in hindsight
    position, epoch  of the chosen checkpoint
    """

    outer: float
    inner: float
    regret: float
    position: float
    epoch: float
    fits: int


class Found(NamedTuple):
    """One method on one data set; `best_position`, `best_epoch` of the best checkpoint in hindsight."""

    literal: OfLoop
    pairs: OfLoop
    best_position: float
    best_epoch: float


class Comparison(NamedTuple):
    """One method over data sets."""

    data_sets: list[Found]

    def differences(self, name: str) -> np.ndarray:
        """What pairs has more, a data set each."""
        return self.of("pairs", name) - self.of("literal", name)

    def of(self, loop: str, name: str) -> np.ndarray:
        return np.array([getattr(getattr(found, loop), name) for found in self.data_sets], dtype=float)

    def best(self, name: str) -> np.ndarray:
        """`position` or `epoch` of the best in hindsight, a data set each."""
        return np.array([getattr(found, f"best_{name}") for found in self.data_sets])

    @property
    def has_epochs(self) -> bool:
        return bool(self.of("pairs", "epoch").any())


class Difference(NamedTuple):
    """A mean over data sets with its standard error."""

    mean: float
    error: float

    @classmethod
    def over(cls, values: np.ndarray) -> Difference:
        spread = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
        return cls(float(values.mean()), float(spread))

    @property
    def within(self) -> bool:
        return abs(self.mean) <= TOLERANCE + 2 * self.error

    def __str__(self) -> str:
        return f"{self.mean:+.4f} +- {self.error:.4f}"


def contestant(name: str) -> Contestant:
    """A method with something to choose."""
    if name == "descent":
        return contestant_of(name, CARD)
    card = method_card(name)
    if name == "knn":
        grid = [{}, {"neighbours": 10}, {"neighbours": 200}]
        return contestant_of(name, card.model_copy(update={"grid": grid, "at_prediction": ["neighbours"]}))
    settings, grid = NETWORKS.get(name, ({}, card.grid))
    return contestant_of(name, card.model_copy(update={"grid": grid}), settings)


def method_class(name: str) -> Any:
    return Descent if name == "descent" else load_method(name)


class Draw(NamedTuple):
    """What a data set is drawn from, and how it is used."""

    methods: tuple[str, ...]
    size: Size
    split: str
    folder: Path


def compare(draw: Draw, seeds: Sequence[int], workers: int) -> dict[str, Comparison]:
    """Each method by both loops on a data set a seed."""
    found: list[dict[str, Found]] = []
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        for seed, of_seed in zip(seeds, pool.map(partial(on_one, draw), seeds), strict=True):
            found.append(of_seed)
            print(f"data set {seed} done", file=sys.stderr, flush=True)
    return {name: Comparison([of_seed[name] for of_seed in found]) for name in draw.methods}


def on_one(draw: Draw, seed: int) -> dict[str, Found]:
    """Each method by both loops on the data set of that seed."""
    limit_threads(1)
    warnings.simplefilter("ignore")
    place = draw.folder / str(seed)
    sources = sources_of(place, draw_slides(place, seed, draw.size))
    entries = [contestant(name) for name in draw.methods]
    design = Design("drawn", split=draw.split, genes="train-hvg", n_genes=30)  # type: ignore[arg-type]
    bench = InProcessBench(method_class)
    literal, pairs = (
        run_nested(replace(design, inner=inner), sources, entries, bench, DrawnMaterials) for inner in LOOPS
    )
    return {name: _found(name, literal, pairs) for name in draw.methods}


def _found(name: str, literal: NestedLoop, pairs: NestedLoop) -> Found:
    jobs = [job for job in pairs.plan.jobs if job.row.method == name]
    hindsights = {job.fold.name: in_hindsight(pairs, job) for job in jobs}
    best = [hindsight.best_position for hindsight in hindsights.values()]
    epochs = [found.checkpoints[k] for found, k in zip(hindsights.values(), best, strict=True)]
    return Found(
        _of_loop(name, literal, hindsights),
        _of_loop(name, pairs, hindsights),
        float(np.mean(best)),
        float(np.mean(epochs)),
    )


def _of_loop(name: str, loop: NestedLoop, hindsights: dict[str, Hindsight]) -> OfLoop:
    records = [record for record in loop.records if record.row.method == name]
    pairs = [(record, hindsights[record.fold]) for record in records]
    return OfLoop(
        outer=float(np.mean([outer_score(record) for record in records])),
        inner=float(np.mean([record.tuning["score"] for record in records])),
        regret=float(np.mean([found.scores.max() - found.of(record) for record, found in pairs])),
        position=float(np.mean([found.position(record) for record, found in pairs])),
        epoch=float(np.mean([record.tuning["epochs"] or 0 for record in records])),
        fits=len(records) + sum(curves.about["method"] == name for curves in loop.curves.values()),
    )


def verdict(found: Comparison) -> bool:
    """Whether pairs does as the literal loop does, within the bounds."""
    bounded = [Difference.over(found.differences(name)).within for name in ("outer", "regret")]
    return all(bounded) and bool(abs(found.differences("position").mean()) <= MOST_SHIFT)


def print_comparison(methods: dict[str, Comparison], bounded: bool) -> None:
    print(
        f"{'method':8}{'literal':>9}{'pairs':>8}{'difference':>20}{'regret, literal':>17}{'pairs':>8}"
        f"{'difference':>20}{'shift':>7}{'fits':>11}"
    )
    for name, found in methods.items():
        outer, regret = (Difference.over(found.differences(what)) for what in ("outer", "regret"))
        means = {
            loop: {what: found.of(loop, what).mean() for what in OfLoop._fields}
            for loop in ("literal", "pairs")
        }
        literal, pairs = means["literal"], means["pairs"]
        shift = f"{found.differences('position').mean():+.2f}" if found.has_epochs else "-"
        said = "" if not bounded else "  within" if verdict(found) else "  OUT OF BOUNDS"
        print(
            f"{name:8}{literal['outer']:9.4f}{pairs['outer']:8.4f}{outer!s:>20}{literal['regret']:17.4f}"
            f"{pairs['regret']:8.4f}{regret!s:>20}{shift:>7}{literal['fits']:>6.0f} /{pairs['fits']:>4.0f}{said}"
        )


def print_epoch_bias(methods: dict[str, Comparison]) -> None:
    """What a smaller training set does to the choice of an epoch."""
    for name, found in methods.items():
        if not found.has_epochs:
            continue
        print(f"{name}: checkpoint (of the list) and epoch, means over folds and data sets")
        for loop in ("literal", "pairs"):
            optimism = Difference.over(found.of(loop, "inner") - found.of(loop, "outer"))
            late = Difference.over(found.of(loop, "position") - found.best("position"))
            print(
                f"  chosen by {loop:8}{found.of(loop, 'position').mean():6.2f}"
                f"{found.of(loop, 'epoch').mean():7.1f}   later than the best by {late}"
                f"   inner minus outer score {optimism}   regret {found.of(loop, 'regret').mean():.4f}"
            )
        print(f"  best in hindsight {found.best('position').mean():6.2f}{found.best('epoch').mean():7.1f}")


def as_json(methods: dict[str, Comparison]) -> dict[str, Any]:
    """All that was found, a list over data sets each."""
    return {
        name: {
            "within": verdict(found),
            "data_sets": [
                {**row._asdict(), "literal": row.literal._asdict(), "pairs": row.pairs._asdict()}
                for row in found.data_sets
            ],
        }
        for name, found in methods.items()
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--methods", default="ridge,smooth,knn,descent", help="comma-separated")
    parser.add_argument("--data-sets", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--split", choices=("patient", "slide"), default="patient")
    parser.add_argument("--edge", type=int, default=7, help="spots along an edge of a slide")
    parser.add_argument("--four-patients", action="store_true", help="the bias of the epoch choice")
    parser.add_argument("--workers", type=int, default=1, help="data sets at a time, one thread each")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    size = Size(4 if given.four_patients else 8, 2, given.edge)
    seeds = range(given.first_seed, given.first_seed + given.data_sets)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["STBENCH_CACHE"] = f"{folder}/cache"
        draw = Draw(tuple(given.methods.split(",")), size, given.split, Path(folder))
        methods = compare(draw, seeds, given.workers)
    bounded = given.split == "patient" and not given.four_patients
    print_comparison(methods, bounded)
    if given.four_patients:
        print_epoch_bias(methods)
    if given.json:
        given.json.write_text(json.dumps(as_json(methods), indent=1), encoding="utf-8")
    return 0 if not bounded or all(map(verdict, methods.values())) else 1


if __name__ == "__main__":
    sys.exit(main())
