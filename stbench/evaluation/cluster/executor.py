"""Hands an agenda's work to a cluster's workers, and takes it back where they are lost."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from typing import Any

from stbench.contract import MethodCard
from stbench.errors import StbenchError, UsageError
from stbench.evaluation.agenda import Agenda, Found, Task
from stbench.evaluation.cluster.cluster_file import Cluster
from stbench.evaluation.cluster.on_node import Keep, Place, do, embed
from stbench.evaluation.cluster.parsl_pool import parsl_pool
from stbench.evaluation.executors import Workbench
from stbench.evaluation.runner import Refit
from stbench.evaluation.shelf import Result

_PAUSE = 0.25  # seconds between two looks at what other runs do
_PATIENCE = 60.0  # seconds without any sign of the first job, until a person is told
_MOST_LOSSES = 3  # of the same trial's worker, before it is set aside


class OnCluster:
    """Trials as tasks of the cluster's jobs.

    folder       for Parsl's logs;  sign, keep  see Place
    cards        of the methods, for what is made of each slide before trials start
    on_embedded  hears how many slides' are made, of how many;  warn  hears that the cluster keeps us waiting
    """

    def __init__(
        self,
        cluster: Cluster,
        folder: Path,
        sign: Path,
        keep: Keep,
        cards: Sequence[MethodCard],
        on_embedded: Callable[[int, int], None],
        warn: Callable[[str], None],
    ):
        self.cluster, self.folder, self.sign, self.keep = cluster, folder, sign, keep
        self.cards, self.on_embedded, self.warn = tuple(cards), on_embedded, warn
        self._losses: Counter[str] = Counter()
        self._set_aside: dict[str, Task] = {}

    def map(self, workbench: Workbench, agenda: Agenda) -> Generator[Result | Found, None, None]:
        """Results as they come; UsageError where jobs cannot be had, StbenchError where trials were set aside."""
        place = Place(workbench, self.sign, self.keep)
        with parsl_pool(self.cluster, self.folder, workbench.design.threads) as pool:
            self._embed(pool, place)
            at_work: dict[Future[str], Task] = {}
            while agenda.n_left > len(self._set_aside):
                self._hand_out(pool, place, agenda, at_work)
                yield from agenda.from_elsewhere()
                if not at_work and not agenda.waits_for_others:
                    break  # all that is left waits for what was set aside
                if not at_work:
                    time.sleep(_PAUSE)
                done, _ = wait(at_work, timeout=_PAUSE, return_when=FIRST_COMPLETED)
                for future in done:
                    yield from self._ended(future, at_work.pop(future), agenda)
        if self._set_aside:
            raise StbenchError(self._words_of_losses())

    def _embed(self, pool: Any, place: Place) -> None:
        """Have what trials share of each slide made, one task a slide."""
        slides = [source.id for source in place.workbench.sources]
        left = {pool.submit(embed, place, self.cards, slide): slide for slide in slides}
        while left:
            done, _ = wait(left, _PATIENCE if len(left) == len(slides) else None, FIRST_COMPLETED)
            if not done:
                self.warn(
                    f"Nothing has come from the cluster's jobs for {_PATIENCE:.0f} s: it goes on as soon as one "
                    "begins; the scheduler says what they wait for."
                )
            for future in done:
                slide = left.pop(future)
                if self._was_lost(future, what := f"the embeddings of {slide}"):
                    if self._losses[what] >= _MOST_LOSSES:
                        raise StbenchError(f"The worker that made {what} was lost {_MOST_LOSSES} times over.")
                    left[pool.submit(embed, place, self.cards, slide)] = slide
                else:
                    self.on_embedded(len(slides) - len(left), len(slides))

    def _hand_out(self, pool: Any, place: Place, agenda: Agenda, at_work: dict[Future[str], Task]) -> None:
        """Keep every worker busy, and a few trials in the queue, no more: what is claimed here nobody else does."""
        most = self.cluster.workers_in_all + max(1, self.cluster.workers_in_all // 4)
        while len(at_work) < most and (task := agenda.take()) is not None:
            at_work[pool.submit(do, place, task)] = task

    def _ended(self, future: Future[str], task: Task, agenda: Agenda) -> Iterator[Result]:
        if not self._was_lost(future, task.key):
            result = agenda.fetch(task)
            if result is not None:
                yield result
                return
            self._losses[task.key] += 1  # it was stored and is not to be seen here
        if self._losses[task.key] < _MOST_LOSSES:
            agenda.give_back(task)
        else:
            self._set_aside[task.key] = task

    def _was_lost(self, future: Future[str], what: str) -> bool:
        """Whether its worker or node was lost; what was wrong otherwise is raised."""
        error = future.exception()
        if error is None:
            return False
        if type(error).__name__ in ("WorkerLost", "ManagerLost"):
            self._losses[what] += 1
            return True
        raise _in_words(error) from error

    def _words_of_losses(self) -> str:
        tasks = list(self._set_aside.values())
        methods = {(task.job if isinstance(task, Refit) else task).contestant.name for task in tasks}
        one = len(tasks) == 1
        of = f"{len(tasks)} trial{'' if one else 's'} (of {', '.join(sorted(methods))})"
        return (
            f"{of} lost {'its' if one else 'their'} worker {_MOST_LOSSES} times over, and nothing is stored of "
            f"{'it' if one else 'them'}: see whether walltime {self.cluster.walltime} and the memory of a job suffice; "
            f"the jobs' logs lie under {self.folder}."
        )


def _in_words(error: BaseException) -> BaseException:
    """What ended a task, as a person should read it."""
    chain: BaseException | None = error
    while chain is not None:
        if isinstance(chain, StbenchError):
            return chain
        chain = chain.__cause__ or chain.__context__
    # Of a pool that has given up, its reason alone: why no job can be had, most of the time.
    words = " ".join(str(getattr(error, "reason", error)).split()).rstrip(".")
    if (
        isinstance(error, ImportError)
        or "ModuleNotFoundError" in words
        or "Deserialization" in type(error).__name__
    ):
        return UsageError(
            f"A compute node cannot load stbench ({words}): see that worker_init in the cluster file makes it run."
        )
    if type(error).__module__.startswith("parsl"):
        return UsageError(f"The cluster does no more trials: {words}.")
    return error
