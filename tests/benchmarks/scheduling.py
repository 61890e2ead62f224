"""Whether many workers that share a folder are kept busy, and what planning and status cost at 20,000 trials.

    python tests/benchmarks/scheduling.py [--workers 64] [--each 30] [--seconds 1]
    python tests/benchmarks/scheduling.py --data-root DIR     plan and status of all of HER2+, by the literal loop

First: so many processes with an agenda, claims, a heartbeat and stored results of their own work on one plan; only the
trial itself is replaced by sleeping. Told is the share of the time in which a worker slept, 1 where claims and storing
cost nothing. Second: `stbench plan` of some 20,000 trials on 36 slides (images replaced by links where they are
missing), the same stored, and `stbench status`, each as a command of its own.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from her2_plan import whole_folder
from sleeping import Sleeper
from stored_trials import curves_of

from stbench.commands.shelf import Keep, Shared
from stbench.contract import MethodCard, SlideSource
from stbench.evaluation.agenda import Agenda
from stbench.evaluation.contestant import Contestant
from stbench.evaluation.design import Design
from stbench.evaluation.executors import OneByOne
from stbench.evaluation.plan import Plan, make_plan
from stbench.reporting.results.claims import Claims
from stbench.reporting.results.plan_files import PlanFiles
from stbench.reporting.results.trial_store import TrialStore

GRID = ({}, {"a": 1}, {"a": 2}, {"a": 3})
LITERAL = ("spahgc", "eggn", "hist2st", "bleep")


def plan_of_pairs(n_slides: int, file: Path) -> Plan:
    """A plan of pairs of slides, four settings each, all of one small file."""
    file.write_text("x")
    sources = [SlideSource(f"S{i:02}", None, {"image": file}, lambda: None) for i in range(n_slides)]  # type: ignore[arg-type, return-value]
    card = MethodCard(title="Sleeper", summary="Sleeps.", family="none", grid=GRID)
    return make_plan(Design("drawn"), "", sources, [Contestant("sleeper", card, "", "", {}, {})], [0])


def work(plan: Plan, out: Path, seconds: float, start: Any, told: Any) -> None:
    """One worker: what `stbench work` does, but for the trial."""
    keys = {key for job in plan.jobs for key in job.keys.values()}
    start.wait()
    began, sleeper = time.monotonic(), Sleeper(seconds)
    with Claims(out) as claims:
        shelf = Shared(out, claims, keys, Keep(out, {}), lambda _: None)
        patients = dict.fromkeys(plan.table.slides)
        agenda = Agenda(plan.jobs, {}, "pcc", patients, shelf)
        for _ in OneByOne(None, None).map(sleeper, agenda):  # type: ignore[arg-type]
            pass
    told.put((sleeper.slept, time.monotonic() - began))


def busy_share(workers: int, each: int, seconds: float) -> dict[str, float]:
    """How busy so many workers were, by the time until the last of them ended."""
    context = multiprocessing.get_context("fork")  # light: what they need is loaded already
    with tempfile.TemporaryDirectory() as folder:
        n_slides = next(n for n in range(4, 500) if 2 * n * (n - 1) + n >= workers * each)
        plan, out = plan_of_pairs(n_slides, Path(folder) / "file"), Path(folder) / "out"
        start, told = context.Event(), context.Queue()
        processes = [
            context.Process(target=work, args=(plan, out, seconds, start, told)) for _ in range(workers)
        ]
        for process in processes:
            process.start()
        began = time.monotonic()
        start.set()
        found = [told.get() for _ in processes]
        wall = time.monotonic() - began
        for process in processes:
            process.join()
    slept = sum(n for n, _ in found)
    return {
        "trials": plan.n_trials,
        "done twice": slept - plan.n_trials,
        "wall": wall,
        "share": plan.n_trials * seconds / (workers * wall),
    }


def command(*arguments: object) -> tuple[float, str]:
    """Run stbench; how long it took, and what it printed."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "stbench", *map(str, arguments)], capture_output=True, text=True, check=True
    )
    return time.monotonic() - began, done.stdout


def planning(data_root: Path) -> dict[str, float]:
    """Seconds of `plan` and `status` at some 20,000 trials, half of them stored."""
    with tempfile.TemporaryDirectory() as folder:
        root, out = Path(folder) / "data", Path(folder) / "out"
        whole_folder(data_root, root)
        asked = ("--method", ",".join(LITERAL), "--dataset", "her2", "--data-root", root, "--inner", "all")
        planned, _ = command("plan", *asked, "--device", "cpu", "--out", out)
        (plan,) = PlanFiles(out).load_all()
        store, trials = TrialStore(out), [key for row in plan.rows for key in row.trials]
        for number, key in enumerate(trials[: len(trials) // 2]):
            store.save(key, number % 100 > 0, {**curves_of(number).to_plain(), "key": key})
        status, document = command("status", "--out", out, "--json")
    done = sum(row["done"] for row in json.loads(document)["rows"])
    return {"trials": len(plan.keys), "stored": done, "plan": planned, "status": status}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, default=64)
    parser.add_argument("--each", type=int, default=30, help="trials for each worker")
    parser.add_argument("--seconds", type=float, default=1.0, help="that a trial sleeps")
    parser.add_argument("--data-root", type=Path, help="where her2 lies")
    given = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    found = (
        planning(given.data_root) if given.data_root else busy_share(given.workers, given.each, given.seconds)
    )
    print(", ".join(f"{name} {round(value, 3):g}" for name, value in found.items()))


if __name__ == "__main__":
    main()
