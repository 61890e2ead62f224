"""A worker process: takes a task, sends how far it is and its result, until nobody is there any more."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any, NamedTuple

from stbench.errors import StbenchError
from stbench.evaluation.agenda import Task

if TYPE_CHECKING:
    from stbench.evaluation.executors import Workbench

_SECONDS_BETWEEN_NEWS = 0.2


class News(NamedTuple):
    """How far a fit is: what is fitted, epochs done, epochs in all, the latest validation score."""

    label: str
    done: int
    total: int
    score: float | None


class Worker:
    """A worker process as its parent sees it; `task` is what it is at, None where it is idle.

    device  where its trials run
    """

    def __init__(self, process: BaseProcess, connection: Connection, device: str):
        self.process, self.connection, self.device = process, connection, device
        self.task: Task | None = None

    @classmethod
    def started(cls, workbench: Workbench) -> Worker:
        """A fresh one, whose trials run on the workbench's device."""
        context = multiprocessing.get_context("spawn")  # a fork would copy torch's threads half-way
        here, there = context.Pipe()
        # Not a daemon: those may not start the processes that start trials.
        process = context.Process(target=work, args=(workbench, there), daemon=False)
        with deaf_to_interrupts():
            process.start()
        there.close()
        return cls(process, here, workbench.design.device)

    def hand_over(self, task: Task) -> None:
        """Have it do that; a worker that died meanwhile is heard of when it is listened to."""
        self.task = task
        with contextlib.suppress(OSError):
            self.connection.send(task)


@contextlib.contextmanager
def deaf_to_interrupts() -> Iterator[None]:
    """Processes started inside never hear Ctrl-C, which is the parent's to handle; the parent hears it after."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def work(workbench: Workbench, connection: Connection) -> None:
    """A worker's life: take a task, send its result, until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        runner = workbench.runner(workbench.materials(), _Telling(connection))
        while True:
            _say(connection, runner.do(_heard(connection)))
    except _ParentGone:
        return
    except StbenchError as error:
        connection.send(error)
    except Exception:
        connection.send(RuntimeError(traceback.format_exc()))  # the error itself might not pickle


class _Telling:
    """Sends how far a fit is, now and then."""

    def __init__(self, connection: Connection):
        self._connection, self._next = connection, 0.0

    def __call__(self, label: str, done: int, total: int, score: float | None) -> None:
        if time.monotonic() >= self._next or done == total:
            self._next = time.monotonic() + _SECONDS_BETWEEN_NEWS
            _say(self._connection, News(label, done, total, score))


class _ParentGone(Exception):
    """Nobody is at the other end: what the connection says by an EOFError, and a file that is cut off does too."""


def _heard(connection: Connection) -> Any:
    try:
        return connection.recv()
    except (EOFError, ConnectionResetError) as error:
        raise _ParentGone from error


def _say(connection: Connection, message: object) -> None:
    try:
        connection.send(message)
    except (BrokenPipeError, ConnectionResetError) as error:
        raise _ParentGone from error


def end_with_parent() -> None:
    """Wait for the parent to end, then end: a killed run leaves nobody behind who goes on working."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
