"""A worker says what went wrong: the end of a file is not taken for the end of the process that it works for."""

from __future__ import annotations

import multiprocessing
import signal
from types import SimpleNamespace
from typing import Any

import pytest

from stbench.errors import StorageError
from stbench.evaluation.workers import work


@pytest.fixture(autouse=True)
def interrupts_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker is deaf to Ctrl-C; this process stays as it is."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)


def bench(error: Exception) -> Any:
    """A workbench whose slides cannot be read."""

    def materials() -> None:
        raise error

    return SimpleNamespace(materials=materials, runner=lambda materials, progress: None)


@pytest.mark.parametrize("error", [EOFError("Ran out of input"), BrokenPipeError("of a library")])
def test_what_breaks_in_a_worker_is_heard(error: Exception):
    here, there = multiprocessing.Pipe()
    work(bench(error), there)
    message = here.recv()
    assert isinstance(message, RuntimeError)
    assert f"{type(error).__name__}: {error}" in str(message)


def test_an_error_of_ours_comes_as_it_is():
    here, there = multiprocessing.Pipe()
    work(bench(StorageError("The disk is full.")), there)
    message = here.recv()
    assert (type(message), str(message)) == (StorageError, "The disk is full.")


@pytest.mark.parametrize("tasks", [0, 1])
def test_a_worker_ends_quietly_when_nobody_is_there_any_more(tasks: int):
    here, there = multiprocessing.Pipe()
    for _ in range(tasks):
        here.send(SimpleNamespace(key="key"))
    here.close()
    runner = SimpleNamespace(do=lambda task: SimpleNamespace(key="key"))
    work(SimpleNamespace(materials=lambda: None, runner=lambda materials, progress: runner), there)  # type: ignore[arg-type]
