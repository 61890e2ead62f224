"""What a finished run of some 2,000 trials costs to start again: seconds to its first word, and to its end.

Every method on places of the 36 slides of HER2+ by pairs: its inner trials, and its refits, each a real Record of five
real slides under another key. Said too is whether torch was loaded, or anything was done.

    python tests/benchmarks/finished_run.py [--seeds 0,1,2]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
from her2_plan import published_methods
from stored_trials import curves_of

from stbench.commands.asked import Asked
from stbench.commands.prepared_run import PreparedRun
from stbench.commands.preparing import prepare
from stbench.datasets.her2.dataset import SLIDES
from stbench.evaluation.plan import Job, inner_trials
from stbench.record import Record
from stbench.reporting.mlflow.logged import LoggedRecords
from stbench.reporting.results.store import RunStore

REAL = Path(__file__).resolve().parents[2] / "leaderboards" / "her2-5slides-cpu"
# Runs the command line, and says in a file what it has loaded.
PROGRAM = """
import sys
told, *sys.argv = sys.argv[1:]
from stbench.cli import main
try:
    main()
finally:
    with open(told, "w") as file:
        file.write(" ".join(name for name in ("torch", "mlflow") if name in sys.modules))
"""


class Started(NamedTuple):
    """How a command went.

    first, whole  seconds to the first word on either stream, and to the end
    computing_first, computing  seconds that it computed until then, which other work on the machine does not lengthen
    loaded        which heavy libraries
    """

    first: float
    whole: float
    computing_first: float
    computing: float
    loaded: tuple[str, ...]
    words: str


def place_slides(data_root: Path) -> None:
    """Every slide of HER2+ has its files; nobody opens them where there is nothing to do."""
    data = data_root / "her2st" / "data"
    for slide in SLIDES:
        for place in (
            f"ST-cnts/{slide}.tsv.gz",
            f"ST-spotfiles/{slide}_selection.tsv",
            f"ST-imgs/{slide[0]}/{slide}/HE.jpg",
        ):
            (data / place).parent.mkdir(parents=True, exist_ok=True)
            (data / place).write_text(slide)


def finish(prepared: PreparedRun) -> None:
    """Put there what the plan asks for: its inner trials, its Records with small arrays, what MLflow was told of."""
    os.fsync = lambda _: None  # what is measured is reading; the disk is not waited for some 5,000 times
    for number, (key, trial) in enumerate(inner_trials(prepared.plan.jobs).items()):
        curves = replace(curves_of(2 * number + 1), key=key, about=trial.about())
        prepared.trials.save(key, True, curves.to_plain())
    real = cycle([record for record in RunStore(REAL).records()[0] if record.finished and record.slides])
    records = []
    for job in prepared.plan.jobs:
        for seed, key in job.keys.items():
            records.append(_record(next(real), job, seed, key))
            prepared.store.save(records[-1])
    out = prepared.store.out
    LoggedRecords(out / "mlflow-logged.json", "local").remember((record, "0" * 32) for record in records)
    (out / "mlflow.db").touch()  # whoever opened it would complain


def _record(real: Record, job: Job, seed: int, key: str) -> Record:
    """A real Record as if it were the job's."""
    slides = tuple(replace(real.slides[0], slide=name, patient=name[0]) for name in job.fold.test)
    return replace(
        real,
        key=key,
        table=job.table,
        row=job.row,
        kind=job.contestant.card.kind,
        seed=seed,
        fold=job.fold.name,
        n_folds=job.n_folds,
        train_slides=job.fold.train,
        test_slides=job.fold.test,
        slides=slides,
        predictions={name: np.zeros((2, 3), np.float32) for name in job.fold.test},
    )


def start(told: Path, arguments: list[str]) -> Started:
    """Run `stbench` with these arguments in a fresh process and listen to it."""
    begun, first, words = time.perf_counter(), 0.0, b""
    computed = 0.0
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(told), "stbench", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    while block := os.read(process.stdout.fileno(), 1 << 16):
        if not first:
            first, times = time.perf_counter() - begun, psutil.Process(process.pid).cpu_times()
            computed = times.user + times.system
        words += block
    _, status, used = os.wait4(process.pid, 0)
    whole = time.perf_counter() - begun
    if status:
        raise SystemExit(f"The command ended with {os.waitstatus_to_exitcode(status)}: {words.decode()}")
    loaded = tuple(told.read_text().split())
    return Started(first, whole, computed, used.ru_utime + used.ru_stime, loaded, words.decode())


@contextmanager
def finished_run(methods: list[str], seeds: str) -> Iterator[tuple[PreparedRun, list[str]]]:
    """A finished run, and the arguments of the command that starts it again."""
    with tempfile.TemporaryDirectory() as folder:
        data_root, out = Path(folder, "data"), Path(folder, "out")
        place_slides(data_root)
        numbers = [int(seed) for seed in seeds.split(",")]
        prepared = prepare(
            Asked.of(methods=methods, dataset="her2", data_root=data_root, device="cpu", seeds=numbers), out
        )
        finish(prepared)
        arguments = ["run", "--method", ",".join(methods), "--dataset", "her2", "--data-root", str(data_root)]
        yield prepared, [*arguments, "--out", str(out), "--device", "cpu", "--seeds", seeds]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--methods", default=",".join(published_methods()))
    parser.add_argument("--seeds", default="0,1")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    with finished_run(given.methods.split(","), given.seeds) as (prepared, arguments):
        print(f"{prepared.plan.n_trials} trials stored, {len(prepared.keys)} of them Records")
        runs = [start(prepared.store.out / "loaded", arguments) for _ in range(given.repeats)]
    assert all(": 0 trials to do of" in run.words and "warning" not in run.words for run in runs)
    for what, seconds, computing in (
        ("first word after", [run.first for run in runs], [run.computing_first for run in runs]),
        ("whole command:", [run.whole for run in runs], [run.computing for run in runs]),
    ):
        print(f"{what} {min(seconds):.2f} s, of which it computed {min(computing):.2f} s")
    print(f"loaded: {', '.join(runs[-1].loaded) or 'neither torch nor mlflow'}")


if __name__ == "__main__":
    main()
