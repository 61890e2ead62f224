"""A trial that loses its worker time and again is set aside and told of; the rest is done, and nobody is blamed."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))  # where workers find the trials that sleep, under the same name

from on_slurm import entries, run  # noqa: E402
from scheduling import plan_of_pairs  # noqa: E402

from stbench.errors import StbenchError  # noqa: E402
from stbench.evaluation.cluster.cluster_file import Cluster  # noqa: E402
from stbench.evaluation.plan import inner_trials  # noqa: E402
from stbench.reporting.results.trial_store import TrialStore  # noqa: E402

pytestmark = pytest.mark.cluster
LOSSES = 3


def kill_whoever_is_at(key: str, diary: Path, killed: list[int]) -> None:
    """kill -9 of each worker that begins that trial."""
    while len(killed) < LOSSES:
        for begun, process, _ in entries(diary):
            if begun == key and process not in killed:
                psutil.Process(process).kill()
                killed.append(process)
        time.sleep(0.02)


def test_a_trial_that_loses_its_worker_three_times_is_set_aside(tmp_path: Path):
    plan = plan_of_pairs(4, tmp_path / "file")
    trials = list(inner_trials(plan.jobs))
    cursed, killed = trials[0], list[int]()
    paths = os.pathsep.join(map(str, (BENCHMARKS, BENCHMARKS.parent, os.environ.get("PYTHONPATH", ""))))
    init = f"export PATH={Path(sys.executable).parent}:$PATH PYTHONPATH={paths}"
    cluster = Cluster(scheduler="local", workers=2, worker_init=init, heartbeat_seconds=1)
    threading.Thread(
        target=kill_whoever_is_at, args=(cursed, tmp_path / "diary", killed), daemon=True
    ).start()
    with pytest.raises(StbenchError, match=r"1 trial \(of sleeper\) lost its worker 3 times over") as told:
        run(plan, tmp_path, 0.3, cluster)
    assert "nothing is stored" in str(told.value) and len(set(killed)) == LOSSES
    finished, failed = TrialStore(tmp_path / "out").names()
    assert finished == set(trials) - {cursed} and failed == set()
    # The refits of the two slides that the trial was not about; the others wait for it.
    assert len(list((tmp_path / "out" / "records").glob("[!.]*.json"))) == 2
