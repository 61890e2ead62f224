"""Where trials run: one by one from this process, or from several worker processes; each is conducted on the bench.

An executor is handed a `Workbench` (a picklable recipe for a Runner) and an Agenda, has each result kept and then
yields it, and what other runs have come to.
A worker that dies takes nothing with it: its trial is tried again by a fresh one, and only a trial that ends workers
time and again is a failed one. Workers end with the process that started them, however that one ends.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import wait
from typing import Any, Protocol

from stbench.contract import SlideSource
from stbench.evaluation.agenda import Agenda, Found, Task
from stbench.evaluation.curves import Curves
from stbench.evaluation.design import Design
from stbench.evaluation.devices import next_of
from stbench.evaluation.freshness import MadeFrom
from stbench.evaluation.inner_trials import InnerTrial
from stbench.evaluation.materials import EncodingProgress, Materials
from stbench.evaluation.outcome import stamped
from stbench.evaluation.process_ends import words_of_end
from stbench.evaluation.runner import FitProgress, Runner, States, failed_record
from stbench.evaluation.shelf import Result
from stbench.evaluation.threads import limit_threads
from stbench.evaluation.trials.benches import Bench
from stbench.evaluation.workers import News, Worker

_PAUSE = 0.25  # seconds between two looks at what other runs do, where nothing else is to be done
_MOST_DEATHS = 2  # of workers over one trial, before it is the trial's own fault


@dataclass(frozen=True)
class Workbench:
    """Everything a process needs to build its Runner; plain and picklable.

    made_from  what the plan was made from, checked before each trial; None where nobody minds
    states     where stages of a training leave off
    """

    design: Design
    sources: tuple[SlideSource, ...]
    bench: Bench
    provenance: Mapping[str, Any]
    unlabelled: tuple[str, ...] = ()
    tumour_labels: tuple[str, ...] = ()
    made_from: MadeFrom | None = field(default=None)
    states: States | None = None

    def on_device(self, device: str) -> Workbench:
        """The same with its trials on that device, "cuda:1" say, as their results' provenance then tells."""
        return replace(
            self,
            design=replace(self.design, device=device),
            provenance={**self.provenance, "device": device},
        )

    def materials(self, on_encoding: EncodingProgress | None = None) -> Materials:
        """The slides of the run, with one thread of this process to work on them."""
        limit_threads(self.design.threads)
        return Materials(self.design, self.sources, on_encoding=on_encoding)

    def runner(self, materials: Materials, progress: FitProgress | None = None) -> Runner:
        """A Runner on those slides."""
        return Runner(
            materials,
            self.bench,
            self.provenance,
            self.unlabelled,
            self.tumour_labels,
            progress,
            self.made_from.check if self.made_from else None,
            self.states,
        )


class Executor(Protocol):
    """Does what is on an agenda and yields the results in any order."""

    def map(self, workbench: Workbench, agenda: Agenda) -> Generator[Result | Found, None, None]: ...


class OneByOne:
    """One trial after the other, here, on slides that are read already: every step can be stepped through."""

    def __init__(self, materials: Materials, progress: FitProgress | None = None):
        self.materials = materials
        self.progress = progress

    def map(self, workbench: Workbench, agenda: Agenda) -> Generator[Result | Found, None, None]:
        runner = workbench.runner(self.materials, self.progress)
        while agenda.n_left:
            task = agenda.take()
            yield from agenda.from_elsewhere()
            if task is not None:
                result = runner.do(task)
                agenda.put(result)
                yield result
            elif agenda.n_left:
                time.sleep(_PAUSE)


class Processes:
    """Several worker processes, each with a Runner of its own.

    devices  where each worker's trials run; empty where all run on the workbench's device
    """

    def __init__(self, workers: int, progress: FitProgress | None = None, devices: Sequence[str] = ()):
        self.n_workers = workers
        self.progress = progress
        self.devices = devices
        self._deaths: Counter[str] = Counter()

    def map(self, workbench: Workbench, agenda: Agenda) -> Generator[Result | Found, None, None]:
        workers: list[Worker] = []
        try:
            while agenda.n_left:
                self._hand_out(workbench, agenda, workers)
                yield from agenda.from_elsewhere()
                for worker in _with_news(workers):
                    yield from self._heard(worker, agenda, workers, workbench)
        finally:
            for worker in workers:
                worker.process.terminate()
            for worker in workers:
                worker.process.join()

    def _hand_out(self, workbench: Workbench, agenda: Agenda, workers: list[Worker]) -> None:
        """Give each idle worker something to do, and start further ones as long as there is more."""
        idle = [worker for worker in workers if worker.task is None]
        while idle or len(workers) < self.n_workers:
            task = agenda.take()
            if task is None:
                return
            if idle:
                worker = idle.pop()
            else:
                worker = Worker.started(self._bench_of_next(workbench, workers))
                workers.append(worker)
            worker.hand_over(task)

    def _bench_of_next(self, workbench: Workbench, workers: Sequence[Worker]) -> Workbench:
        """The workbench on the device that the next worker is to have."""
        if not self.devices:
            return workbench
        return workbench.on_device(next_of(self.devices, [worker.device for worker in workers]))

    def _heard(
        self, worker: Worker, agenda: Agenda, workers: list[Worker], workbench: Workbench
    ) -> Iterator[Result]:
        """Take one message of a worker: news of a fit, a result, an error, or its death."""
        try:
            if not worker.connection.poll():
                raise EOFError  # dead, and something that it has started holds its end of the connection
            message = worker.connection.recv()
        except (EOFError, OSError):
            workers.remove(worker)
            worker.process.join()
            yield from self._mourn(worker, agenda, workbench)
            return
        if isinstance(message, News):
            if self.progress is not None:
                self.progress(*message)
        elif isinstance(message, BaseException):
            raise message
        else:
            worker.task = None
            agenda.put(message)
            yield message

    def _mourn(self, worker: Worker, agenda: Agenda, workbench: Workbench) -> Iterator[Result]:
        """Have a dead worker's trial tried again, or give it up."""
        task = worker.task
        if task is None:
            return
        self._deaths[task.key] += 1
        if self._deaths[task.key] <= _MOST_DEATHS:
            agenda.give_back(task)
            return
        words = f"the worker process {words_of_end(worker.process.exitcode or 0)}"
        failed = given_up(task, words, workbench.on_device(worker.device).provenance)
        agenda.put(failed)
        yield failed


def _with_news(workers: Sequence[Worker]) -> list[Worker]:
    """The busy workers that have said something or are dead, waited for a moment."""
    busy = [worker for worker in workers if worker.task is not None]
    ready = wait([place for worker in busy for place in (worker.connection, worker.process.sentinel)], _PAUSE)
    return [worker for worker in busy if worker.connection in ready or worker.process.sentinel in ready]


def given_up(task: Task, words: str, provenance: Mapping[str, Any]) -> Result:
    """The failed result of a task that no worker survived."""
    if isinstance(task, InnerTrial):
        return Curves(task.key, task.about(), failure=words, provenance=stamped(provenance))
    return failed_record(task.job, task.seed, words, provenance)
