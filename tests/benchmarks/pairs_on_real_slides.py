"""One network on real slides, tuned by pairs and by the literal loop: fits, seconds, outer PCC, what was chosen.

python tests/benchmarks/pairs_on_real_slides.py --data-root DIR [--method spahgc] [--epochs 30] [--settings 2]
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path
from statistics import mean

from stbench.commands.choosing import choose_contestants, find_slides
from stbench.evaluation.agenda import Agenda
from stbench.evaluation.curves import Curves
from stbench.evaluation.design import Design
from stbench.evaluation.executors import OneByOne, Processes, Workbench
from stbench.evaluation.plan import make_plan
from stbench.evaluation.trials.benches import SealedBench
from stbench.record import Record


def measured(
    design: Design, data_root: Path | None, method: str, workers: int
) -> tuple[int, float, list[Record]]:
    """Fits, seconds and Records of one method without the floors; embeddings are made before the clock starts."""
    sources, _ = find_slides(design.dataset, data_root)
    contestants = choose_contestants([method], "paper", {})[:1]
    plan = make_plan(design, "", sources, contestants, [0])
    workbench = Workbench(design, tuple(sources), SealedBench(), {})
    materials = workbench.materials()
    materials.prepare([contestants[0].card])
    executor = Processes(workers) if workers > 1 else OneByOne(materials)
    agenda = Agenda(plan.jobs, {}, design.tune_on, {source.id: source.patient for source in sources})
    started = time.perf_counter()
    results = list(executor.map(workbench, agenda))
    seconds = time.perf_counter() - started
    n_inner = sum(isinstance(result, Curves) for result in results)
    records = [result for result in results if isinstance(result, Record)]
    return n_inner + len(records), seconds, sorted(records, key=lambda record: record.fold)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--dataset", default="her2")
    parser.add_argument("--method", default="spahgc")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--settings", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    design = Design(given.dataset, epochs=given.epochs, max_settings=given.settings)
    for inner in ("pairs", "all"):
        design = dataclasses.replace(design, inner=inner)
        n_fits, seconds, records = measured(design, given.data_root, given.method, given.workers)
        scores = [slide.scores["pcc"] or 0.0 for record in records for slide in record.slides]
        print(f"{inner}: {n_fits} fits, {seconds:.0f} s, mean outer PCC {mean(scores):.4f}")
        for record in records:
            chosen = record.tuning.get("settings") or {}
            words = ", ".join(f"{name}={value}" for name, value in chosen.items()) or "the defaults"
            print(f"  {record.fold}: {words}, {record.tuning.get('epochs')} epochs")


if __name__ == "__main__":
    main()
