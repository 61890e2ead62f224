"""Does to its process what `deed` names while it is fitted; a copy of this folder has its own name as the default."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stbench.contract import FitContext, FitReport, Method
from stbench.slide import QuerySlide, TrainingSlide

NAME = Path(__file__).parent.name
LOADED_BY = os.getpid()
if NAME == "exit_at_import":
    sys.exit(0)


class _OwnError(BaseException):
    pass


class _Unreadable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Unruly(Method):
    """The training mean, if it comes to that."""

    def __init__(self, deed: str = NAME) -> None:
        self.deed: Any = deed
        self._counts: Any = (0, 0)

    def fit(
        self,
        train: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide] = (),
        checkpoints: Sequence[int] = (),
        context: FitContext = FitContext(),  # noqa: B008 - frozen, hence safe to share
    ) -> FitReport:
        self._mean = np.concatenate([slide.expression for slide in train]).mean(axis=0)
        if self.deed in _DEEDS:
            _DEEDS[self.deed]()
        if self.deed == "nan_parameters":
            self._counts = (float("nan"), 0)
        notes: Any = (3, b"bytes") if self.deed == "notes_without_text" else (f"loaded by {LOADED_BY}",)
        if self.deed == "array_setting":
            self.deed = np.zeros(3)
        return FitReport(notes=notes)

    def predict(self, slide: QuerySlide) -> np.ndarray:
        return np.tile(self._mean, (slide.n_spots, 1))

    def parameter_count(self) -> Any:
        return self._counts


def _raise(error: BaseException) -> None:
    raise error


def _print_from_a_thread() -> None:
    thread = threading.Thread(target=lambda: [print(f"{{words {i}") for i in range(100)])
    thread.start()
    thread.join()
    os.system("echo words of a child")


def _leave_a_daemon() -> None:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            ctypes.CDLL(None).prctl(15, b"stb-unruly", 0, 0, 0)  # its name, by which the test would find it
            while True:
                time.sleep(60)
        os._exit(0)


_DEEDS: dict[str, Callable[[], object]] = {
    "exit": lambda: os._exit(0),
    "segfault": lambda: ctypes.string_at(0),
    "interrupt": lambda: _raise(KeyboardInterrupt()),
    "own_base_exception": lambda: _raise(_OwnError("nobody catches\nthis")),
    "memory_error": lambda: _raise(MemoryError()),
    "long_message": lambda: _raise(ValueError("long " * 400_000)),
    "unreadable_error": lambda: _raise(_Unreadable()),
    "default_dtype": lambda: torch.set_default_dtype(torch.float64),
    "strict_warnings": lambda: warnings.simplefilter("error"),
    "other_folder": lambda: os.chdir("/"),
    "prints": _print_from_a_thread,
    "closes_files": lambda: os.closerange(3, 1000),
    "kills_group": lambda: os.killpg(0, signal.SIGKILL),
    "daemon": _leave_a_daemon,
    "hang": lambda: time.sleep(3600),
}
