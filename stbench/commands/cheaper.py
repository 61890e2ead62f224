"""What a cheaper choice of the inner loop would cost, told before a long run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, NamedTuple

from stbench.commands.expected import expected_seconds
from stbench.commands.prepared_run import PreparedRun
from stbench.evaluation.plan import make_plan


class Cost(NamedTuple):
    """Trials of a run with some options, and the seconds of one worker; None where nobody knows what a method costs.

    at_most  whether halving may leave some of the trials undone
    """

    options: str
    trials: int
    seconds: float | None
    at_most: bool = False


def costs(prepared: PreparedRun) -> list[Cost]:
    """The run as it is asked for, from its beginning, and with each cheaper choice of its inner loop."""
    return [_cost(prepared, "", {}), *(_cost(prepared, *choice) for choice in _choices(prepared))]


def _choices(prepared: PreparedRun) -> Iterator[tuple[str, dict[str, Any]]]:
    inner, halving = prepared.design.inner, prepared.design.halving
    if inner not in ("pairs", "none"):
        yield "--inner pairs", {"inner": "pairs"}
    elif inner == "pairs" and not halving and any(c.card.staged for c in prepared.contestants):
        yield "--halving", {"halving": True}
    if inner != "none":
        yield "--inner none (published settings)", {"inner": "none"}


def _cost(prepared: PreparedRun, options: str, changes: dict[str, Any]) -> Cost:
    """Nothing is read or done; what is stored counts as if it were not."""
    design = dataclasses.replace(prepared.design, **changes)
    seeds = sorted({seed for job in prepared.plan.jobs for seed in job.keys})
    plan = make_plan(design, "", prepared.sources, prepared.contestants, seeds) if changes else prepared.plan
    whole = dataclasses.replace(prepared, design=design, plan=plan, overwrite=True)
    expected = expected_seconds(whole, plan.jobs)
    seconds = None if expected.unknown else expected.total
    return Cost(options, plan.n_trials, seconds, at_most=design.halving and plan.n_trials > 0)
