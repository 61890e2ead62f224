"""Where jobs run: one by one from this process, or from several worker processes; trials are where the bench has them.

An executor is handed a `Workbench` (a picklable recipe for a Runner) and jobs, and yields Records as they come.
A worker that dies takes only its own job with it: that job leaves a failed Record and a fresh worker goes on.
Workers end with the process that started them, however that one ends.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from stbench.contract import SlideSource
from stbench.errors import StbenchError
from stbench.evaluation.design import Design
from stbench.evaluation.materials import EncodingProgress, Materials
from stbench.evaluation.plan import Job
from stbench.evaluation.process_ends import words_of_end
from stbench.evaluation.runner import FitProgress, Runner, failed_record
from stbench.evaluation.threads import limit_threads
from stbench.evaluation.trials.benches import Bench
from stbench.record import Record


@dataclass(frozen=True)
class Workbench:
    """Everything a process needs to build its Runner; plain and picklable."""

    design: Design
    sources: tuple[SlideSource, ...]
    groups: Mapping[str, str]
    bench: Bench
    provenance: Mapping[str, Any]
    unlabelled: tuple[str, ...] = ()
    tumour_labels: tuple[str, ...] = ()
    threads: int = field(default=1)

    def materials(self, on_encoding: EncodingProgress | None = None) -> Materials:
        """The slides of the run, with `threads` threads of this process to work on them."""
        limit_threads(self.threads)
        return Materials(self.design, self.sources, self.groups, on_encoding)

    def runner(self, materials: Materials, progress: FitProgress | None = None) -> Runner:
        """A Runner on those slides."""
        return Runner(
            materials,
            self.bench,
            self.provenance,
            self.unlabelled,
            self.tumour_labels,
            progress,
            self.threads,
        )


class Executor(Protocol):
    """Runs jobs and yields their Records in any order."""

    def map(self, workbench: Workbench, jobs: Sequence[Job]) -> Iterator[Record]: ...


class OneByOne:
    """One job after the other, here, on slides that are read already: every step can be stepped through."""

    def __init__(self, materials: Materials, progress: FitProgress | None = None):
        self.materials = materials
        self.progress = progress

    def map(self, workbench: Workbench, jobs: Sequence[Job]) -> Iterator[Record]:
        runner = workbench.runner(self.materials, self.progress)
        for job in jobs:
            yield from runner.run(job)


@dataclass
class _Worker:
    """A worker process, the job that it is at, and the seeds whose Records it still owes."""

    process: BaseProcess
    connection: Connection
    job: Job
    owed: set[int]


class Processes:
    """Several worker processes, each with a Runner of its own."""

    def __init__(self, workers: int):
        self.workers = workers

    def map(self, workbench: Workbench, jobs: Sequence[Job]) -> Iterator[Record]:
        waiting = list(reversed(jobs))
        busy: list[_Worker] = []
        try:
            while waiting or busy:
                while waiting and len(busy) < self.workers:
                    busy.append(_start_worker(workbench, waiting.pop()))
                ready = wait([worker.connection for worker in busy])
                for worker in [worker for worker in busy if worker.connection in ready]:
                    yield from self._hear(worker, busy, waiting, workbench)
        finally:
            for worker in busy:
                worker.process.terminate()
            for worker in busy:
                worker.process.join()

    def _hear(
        self, worker: _Worker, busy: list[_Worker], waiting: list[Job], workbench: Workbench
    ) -> Iterator[Record]:
        """Take one message of a worker: a Record, an error, 'done' (hand it the next job), or its death."""
        try:
            message = worker.connection.recv()
        except (EOFError, OSError):
            busy.remove(worker)
            worker.process.join()
            for seed in sorted(worker.owed):
                words = f"the worker process {words_of_end(worker.process.exitcode or 0)}"
                yield failed_record(worker.job, seed, words, workbench.provenance)
            return
        if isinstance(message, Record):
            worker.owed.discard(message.seed)
            yield message
        elif isinstance(message, BaseException):
            raise message
        elif waiting:
            worker.job = waiting.pop()
            worker.owed = set(worker.job.keys)
            _hand_over(worker)
        else:
            busy.remove(worker)
            with contextlib.suppress(OSError):  # it is gone already
                worker.connection.send(None)
            worker.process.join()


def _start_worker(workbench: Workbench, job: Job) -> _Worker:
    context = multiprocessing.get_context("spawn")  # a fork would copy torch's threads half-way
    here, there = context.Pipe()
    # Not a daemon: those may not start the data-loading processes that a method may want.
    process = context.Process(target=_work, args=(workbench, there), daemon=False)
    with deaf_to_interrupts():
        process.start()
    there.close()
    worker = _Worker(process, here, job, set(job.keys))
    _hand_over(worker)
    return worker


def _hand_over(worker: _Worker) -> None:
    with contextlib.suppress(OSError):  # a worker that died meanwhile is heard of when it is listened to
        worker.connection.send(worker.job)


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


def _work(workbench: Workbench, connection: Connection) -> None:
    """A worker's life: take a job, send its Records and 'done', until None comes or the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        runner = workbench.runner(workbench.materials())
        while (job := _heard(connection)) is not None:
            for record in runner.run(job):
                _say(connection, record)
            _say(connection, "done")
    except _ParentGone:
        return
    except StbenchError as error:
        connection.send(error)
    except Exception:
        connection.send(RuntimeError(traceback.format_exc()))  # the error itself might not pickle


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
