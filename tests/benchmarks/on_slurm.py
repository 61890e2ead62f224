"""What Parsl and a real Slurm of one node add to a trial, and how soon a killed worker's trial runs again.

    python tests/benchmarks/on_slurm.py [--trials 60] [--seconds 0.5]

Agenda, claims, Parsl, Slurm and stored results are real; the trial itself sleeps. One job with one worker: told is what
a trial takes beyond its sleep, once the first has begun. Then that worker is killed (kill -9) amid a trial: told is
the time until the same trial begins again. Needs Debian's slurmctld, slurmd, slurm-client and munge.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psutil
from cluster.one_node_slurm import OneNodeSlurm, missing
from scheduling import plan_of_pairs
from sleeping import SleepingWorkbench

from stbench.commands.shelf import Keep, Shared
from stbench.evaluation.agenda import Agenda
from stbench.evaluation.cluster.cluster_file import Cluster
from stbench.evaluation.cluster.executor import OnCluster
from stbench.evaluation.design import Design
from stbench.evaluation.plan import Plan
from stbench.reporting.results.claims import Claims


def entries(diary: Path) -> list[tuple[str, int, float]]:
    """Key, process and time of each trial that has begun."""
    lines = diary.read_text().splitlines() if diary.exists() else []
    return [(key, int(process), float(begun)) for key, process, begun in map(str.split, lines)]


def run(plan: Plan, folder: Path, seconds: float, cluster: Cluster) -> list[tuple[str, int, float]]:
    """Do the plan on the cluster; its diary."""
    out, diary = folder / "out", folder / "diary"
    keys = {key for job in plan.jobs for key in job.keys.values()}
    with Claims(out) as claims:
        keep = Keep(out, {})
        shelf = Shared(out, claims, keys, keep, print)
        agenda = Agenda(plan.jobs, {}, "pcc", dict.fromkeys(plan.table.slides), shelf)
        bench = SleepingWorkbench(Design(plan.table.dataset), (), None, {}, seconds=seconds, diary=diary)  # type: ignore[arg-type]
        executor = OnCluster(cluster, out / "parsl", claims.sign, keep, (), lambda *_: None, print)
        for _ in executor.map(bench, agenda):
            pass
    return entries(diary)


def kill_later(diary: Path, after: int, killed: list[tuple[str, float]]) -> None:
    """Once so many trials have begun, kill the worker that is at the last of them."""
    while len(found := entries(diary)) < after:
        time.sleep(0.02)
    time.sleep(0.1)
    key, process, _ = found[-1]
    psutil.Process(process).kill()
    killed.append((key, time.time()))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=0.5)
    given = parser.parse_args()
    if reason := missing():
        sys.exit(reason)
    here = Path(__file__).resolve().parent
    paths = os.pathsep.join(map(str, (here, here.parent, os.environ.get("PYTHONPATH", ""))))
    init = f"export PATH={Path(sys.executable).parent}:$PATH PYTHONPATH={paths}"
    n_slides = next(n for n in range(4, 99) if 2 * n * (n - 1) + n >= given.trials)
    with tempfile.TemporaryDirectory() as named:
        folder = Path(named)
        with OneNodeSlurm(folder / "slurm") as slurm:
            os.environ |= {name: slurm.environment[name] for name in ("SLURM_CONF", "PATH")}
            cluster = Cluster(
                scheduler="slurm",
                worker_init=init,
                address="127.0.0.1",
                heartbeat_seconds=2,
                walltime="00:10:00",
            )
            plan, killed = plan_of_pairs(n_slides, folder / "file"), list[tuple[str, float]]()
            began = time.time()
            threading.Thread(
                target=kill_later, args=(folder / "diary", plan.n_trials // 2, killed), daemon=True
            ).start()
            found = run(plan, folder, given.seconds, cluster)
    first = found[: plan.n_trials // 2]
    each = (first[-1][2] - first[0][2]) / (len(first) - 1) - given.seconds
    ((key, at),) = killed
    again = next(begun for name, _, begun in found if name == key and begun > at)
    print(
        f"trials {plan.n_trials}, first after {first[0][2] - began:.1f} s, overhead of a trial {1000 * each:.0f} ms, "
        f"a killed worker's trial again after {again - at:.1f} s"
    )


if __name__ == "__main__":
    main()
