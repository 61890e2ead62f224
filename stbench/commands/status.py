"""How far the plans below a results folder are, told by the names of what lies there.

No slide is read, no method is known, no torch is loaded; of the results themselves a few are opened, to see how the
time that they took compares with what was expected.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from stbench.errors import StbenchError, UsageError
from stbench.reporting.results.plan_files import PlanFiles, PlannedRow, StoredPlan
from stbench.reporting.results.running import running
from stbench.reporting.results.store import RunStore
from stbench.reporting.results.trial_store import TrialStore

# Of a row's results, how many are opened to see how long they took.
_OPENED = 10


@dataclass(frozen=True)
class RowStatus:
    """Trials and refits of one row, counted; `seconds_left` of one worker, None where nobody knows."""

    plan: str
    dataset: str
    row: str
    done: int
    running: int
    failed: int
    waiting: int
    seconds_left: float | None


@dataclass(frozen=True)
class Status:
    """All rows of all plans; `workers` is how many trials are being worked on now."""

    rows: tuple[RowStatus, ...]
    workers: int

    @property
    def seconds_left(self) -> float | None:
        """Of as many workers as there are now, of one where there are none; None where nobody knows."""
        if any(row.seconds_left is None for row in self.rows):
            return None
        return sum(row.seconds_left or 0.0 for row in self.rows) / max(1, self.workers)

    def to_plain(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "rows": [vars(row) for row in self.rows],
            "workers": self.workers,
            "seconds_left": self.seconds_left,
        }


def stored_plans(out: Path) -> list[StoredPlan]:
    """The plans below a folder; UsageError where there is none."""
    plans = PlanFiles(Path(out).absolute()).load_all()
    if not plans:
        raise UsageError(
            f"No plan lies under {Path(out).absolute()}: write one with `stbench plan --out {out} ...`, and if it was "
            "written on another machine, see that both share that folder."
        )
    return plans


def status_of(out: Path, plans: Iterable[StoredPlan]) -> Status:
    """How far these plans below `out` are; what several plans share, as their floors are, is counted once."""
    look, plans = _Look(Path(out).absolute()), list(plans)
    several = len({_encoder(plan) for plan in plans}) > 1
    rows, told = [], set()
    for plan in plans:
        for row in plan.rows:
            new = _without(row, told)
            told |= {*row.trials, *row.refits}
            if new.trials or new.refits:
                rows.append(look.row(plan, new, _encoder(plan) if several else ""))
    return Status(tuple(rows), len(look.claimed))


def _without(row: PlannedRow, told: Set[str]) -> PlannedRow:
    """The row without what is counted elsewhere."""
    trials, refits = (
        {key: seconds for key, seconds in part.items() if key not in told}
        for part in (row.trials, row.refits)
    )
    return row.model_copy(update={"trials": trials, "refits": refits})


def _encoder(plan: StoredPlan) -> str:
    return str(plan.asked.get("encoder", ""))


class _Look:
    """One look at a results folder."""

    def __init__(self, out: Path):
        self.store, self.trials = RunStore(out), TrialStore(out)
        self.finished, failed = self.trials.names()
        self.recorded = self.store.names()
        # A Record without its predictions is one of a method that failed.
        self.predicted = self.store.names_with_predictions()
        self.failed = failed | (self.recorded - self.predicted)
        self.claimed = running(out)

    def row(self, plan: StoredPlan, row: PlannedRow, encoder: str) -> RowStatus:
        """One row's status; `encoder` tells it from rows of the same name in plans of other encoders."""
        expected = {**row.trials, **row.refits}
        done = (row.trials.keys() & self.finished) | (row.refits.keys() & self.recorded & self.predicted)
        at_work = (expected.keys() & self.claimed.keys()) - done
        failed = (expected.keys() & self.failed) - done - at_work
        left = sum(expected[key] for key in expected.keys() - done - failed)
        pace = self._pace(row, sorted(done))
        return RowStatus(
            plan=plan.name,
            dataset=plan.dataset,
            row=f"{row.name} ({encoder})" if encoder else row.name,
            done=len(done),
            running=len(at_work),
            failed=len(failed),
            waiting=len(expected) - len(done) - len(at_work) - len(failed),
            seconds_left=None if pace is None and row.basis == "unknown" else left * (pace or 1.0),
        )

    def _pace(self, row: PlannedRow, done: list[str]) -> float | None:
        """How many times longer than expected results took, by some of them; None where there are none."""
        found = []
        for key in done[:: max(1, len(done) // _OPENED)][:_OPENED]:
            with contextlib.suppress(StbenchError):
                expected = row.trials.get(key) or row.refits.get(key)
                seconds = self._seconds(key, row.trials)
                if expected and seconds:
                    found.append(seconds / expected)
        return median(found) if found else None

    def _seconds(self, key: str, trials: Mapping[str, float]) -> float | None:
        """How long a stored result took."""
        if key not in trials:
            cost = self.store.load(key).cost
            return sum(float(cost.get(name) or 0.0) for name in ("fit_seconds", "predict_seconds"))
        cost = self.trials.load(key).get("cost")
        seconds = cost.get("seconds") if isinstance(cost, dict) else None
        return float(seconds) if isinstance(seconds, int | float) else None
