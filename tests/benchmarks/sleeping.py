"""Trials that sleep: what stands around a trial, alone."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stored_trials import CHECKPOINTS, curves_of

from stbench.evaluation.agenda import Task
from stbench.evaluation.curves import Curves
from stbench.evaluation.executors import Workbench
from stbench.evaluation.inner_trials import InnerTrial
from stbench.evaluation.runner import failed_record
from stbench.evaluation.shelf import Result


@dataclass
class Sleeper:
    """A workbench and its runner in one; each trial is counted, and written into a diary where there is one."""

    seconds: float
    diary: Path | None = None
    slept: int = 0

    def runner(self, materials: Any, progress: Any = None) -> Sleeper:
        return self

    def do(self, task: Task) -> Result:
        if self.diary is not None:
            with self.diary.open("a") as file:
                file.write(f"{task.key} {os.getpid()} {time.time()}\n")
        time.sleep(self.seconds)
        self.slept += 1
        if isinstance(task, InnerTrial):
            curve = curves_of(1).points[0]["slide-34"]
            return Curves(task.key, task.about(), CHECKPOINTS, (dict.fromkeys(task.fold.test, curve),))
        return failed_record(task.job, task.seed, "slept", {})


@dataclass(frozen=True)
class SleepingWorkbench(Workbench):
    """A workbench for any process, whose runner sleeps."""

    seconds: float = 0.0
    diary: Path = field(default=Path())

    def materials(self, on_encoding: Any = None) -> Any:
        return None

    def runner(self, materials: Any, progress: Any = None) -> Any:
        return Sleeper(self.seconds, self.diary)
