"""What a worker on a compute node does: the embeddings of a slide, or one trial, stored in the shared folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stbench.contract import MethodCard
from stbench.errors import UsageError
from stbench.evaluation import provenance
from stbench.evaluation.agenda import Task
from stbench.evaluation.executors import Workbench
from stbench.evaluation.runner import Runner
from stbench.evaluation.shelf import Result

Keep = Callable[[Result], None]


@dataclass(frozen=True)
class Place:
    """Where a worker works, as it is sent there.

    sign  a file below the results folder that lies there as long as the run lives
    keep  writes a result there
    """

    workbench: Workbench
    sign: Path
    keep: Keep


# This process's own, made with the first task.
_made: dict[Path, Runner] = {}


def embed(place: Place, cards: Sequence[MethodCard], slide: str) -> str:
    """Make what all trials share of one slide: its embeddings, patches and products. UsageError as for a trial."""
    _runner(place).materials.prepare(cards, [slide])
    return slide


def do(place: Place, task: Task) -> str:
    """Do one trial and store its result; returns its key.

    UsageError, one sentence, where the node lacks the shared folder or has another source, StorageError where the
    result cannot be stored.
    """
    place.keep(_runner(place).do(task))
    return task.key


def _runner(place: Place) -> Runner:
    if not place.sign.exists():
        raise UsageError(
            f"A compute node does not see the results folder {place.sign.parents[2]} as it is here: give an --out on "
            "a file system that all nodes share."
        )
    if place.sign not in _made:
        _made.clear()
        bench = _with_own_provenance(place.workbench)
        _made[place.sign] = bench.runner(bench.materials())
    return _made[place.sign]


def _with_own_provenance(workbench: Workbench) -> Workbench:
    """The workbench with the versions and the machine of this process, which makes the results."""
    design, workers = workbench.design, workbench.provenance.get("workers", 1)
    own = provenance.collect(design.device, design.threads, workers)
    return replace(workbench, provenance={**workbench.provenance, **own})
