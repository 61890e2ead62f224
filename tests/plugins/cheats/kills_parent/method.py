"""Ends the process that started it, so that what it wrote counts."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path

from stbench.slide import TrainingSlide

from .cheat import Cheat


def _command(process: int) -> str:
    return Path(f"/proc/{process}/cmdline").read_text()


class KillsParent(Cheat):
    def meet(self, train: Sequence[TrainingSlide]) -> None:
        if "trials.station" in _command(os.getppid()):
            os.kill(os.getppid(), signal.SIGKILL)
