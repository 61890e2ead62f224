"""The benchmark on a Slurm of its own prints what the README gives, within what a loaded machine allows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.cluster
SCRIPT = Path(__file__).parents[1] / "benchmarks" / "on_slurm.py"


def test_a_trial_costs_little_beyond_itself_and_one_whose_worker_died_runs_again_soon(slurm):
    """`slurm` has said already where there is none."""
    ended = subprocess.run(
        [sys.executable, SCRIPT, "--trials", "24", "--seconds", "0.3"],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    overhead, again = map(
        float, re.findall(r"overhead of a trial (-?\d+) ms, .* again after ([\d.]+) s", ended.stdout)[0]
    )
    assert overhead < 500 and again < 30
