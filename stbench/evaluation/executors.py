"""Where jobs run: in this process, one by one and debuggable, or in several worker processes.

An executor is handed a `Workbench` (a picklable recipe for a Runner) and jobs, and yields Records as they come.
A worker that dies takes only its own job with it: that job leaves a failed Record and a fresh worker goes on.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from stbench.contract import Method, SlideSource
from stbench.evaluation.design import Design
from stbench.evaluation.materials import EncodingProgress, Materials
from stbench.evaluation.plan import Job
from stbench.evaluation.runner import FitProgress, Runner, failed_record
from stbench.record import Record


@dataclass(frozen=True)
class Workbench:
    """Everything a process needs to build its Runner; plain and picklable."""

    design: Design
    sources: tuple[SlideSource, ...]
    groups: Mapping[str, str]
    method_class: Callable[[str], type[Method]]
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
            materials, self.method_class, self.provenance, self.unlabelled, self.tumour_labels, progress
        )


class Executor(Protocol):
    """Runs jobs and yields their Records in any order."""

    def map(self, workbench: Workbench, jobs: Sequence[Job]) -> Iterator[Record]: ...


class InProcess:
    """One job after the other, here, on slides that are read already: every step can be stepped through."""

    def __init__(self, materials: Materials, progress: FitProgress | None = None):
        self.materials = materials
        self.progress = progress

    def map(self, workbench: Workbench, jobs: Sequence[Job]) -> Iterator[Record]:
        runner = workbench.runner(self.materials, self.progress)
        for job in jobs:
            yield from runner.run(job)


class Processes:
    """Several worker processes, each with a Runner of its own."""

    def __init__(self, workers: int):
        self.workers = workers

    def map(self, workbench: Workbench, jobs: Sequence[Job]) -> Iterator[Record]:
        waiting = list(reversed(jobs))
        busy: dict[Connection, tuple[BaseProcess, Job, set[int]]] = {}
        try:
            while waiting or busy:
                while waiting and len(busy) < self.workers:
                    job = waiting.pop()
                    connection, process = _start_worker(workbench)
                    connection.send(job)
                    busy[connection] = process, job, set(job.keys)
                for connection in wait(list(busy)):
                    yield from self._hear(connection, busy, waiting, workbench)  # type: ignore[arg-type]
        finally:
            for process, _, _ in busy.values():
                process.terminate()

    def _hear(
        self,
        connection: Connection,
        busy: dict[Connection, tuple[BaseProcess, Job, set[int]]],
        waiting: list[Job],
        workbench: Workbench,
    ) -> Iterator[Record]:
        """Take one message of a worker: a Record, an error, 'done' (hand it the next job), or its death."""
        process, job, seeds = busy[connection]
        try:
            message = connection.recv()
        except (EOFError, OSError):
            del busy[connection]
            process.join()
            reason = (
                f"the worker process died (exit code {process.exitcode}); out of memory is the usual reason"
            )
            for seed in sorted(seeds):
                yield failed_record(job, seed, reason, workbench.provenance)
            return
        if isinstance(message, Record):
            seeds.discard(message.seed)
            yield message
        elif isinstance(message, BaseException):
            raise message
        elif waiting:
            following = waiting.pop()
            busy[connection] = process, following, set(following.keys)
            connection.send(following)
        else:
            del busy[connection]
            connection.send(None)
            process.join()


def _start_worker(workbench: Workbench) -> tuple[Connection, BaseProcess]:
    context = multiprocessing.get_context("spawn")  # a fork would copy torch's threads half-way
    here, there = context.Pipe()
    process = context.Process(target=_work, args=(workbench, there), daemon=True)
    process.start()
    there.close()
    return here, process


def _work(workbench: Workbench, connection: Connection) -> None:
    """A worker's life: take a job, send its Records and 'done', until None comes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    try:
        runner = workbench.runner(workbench.materials())
        while (job := connection.recv()) is not None:
            for record in runner.run(job):
                connection.send(record)
            connection.send("done")
    except EOFError:
        return
    except BaseException as error:
        connection.send(error)


def limit_threads(threads: int) -> None:
    """Give torch and the linear-algebra libraries that many threads."""
    import threadpoolctl
    import torch

    torch.set_num_threads(threads)
    threadpoolctl.threadpool_limits(threads)
