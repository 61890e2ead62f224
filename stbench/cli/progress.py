"""What a person sees while a run goes on: bars on a terminal, plain lines elsewhere; always on standard error."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, ProgressColumn, TaskID, TextColumn
from rich.progress import Task as Bar
from rich.text import Text

from stbench.cli.consoles import messages
from stbench.cli.dry_run import NOTHING_LEFT, between_in_words, in_words, row_words
from stbench.commands.listener import Listener
from stbench.commands.machine_load import busy_in_words
from stbench.names import cleaned, counted, shown_name

if TYPE_CHECKING:
    from stbench.commands.expected import Expected
    from stbench.evaluation.curves import Curves
    from stbench.record import Record

# Letters that leave a line of a terminal room for the rest of it; the whole reason stands in the table.
_LONGEST_NAME, _LONGEST_REASON = 50, 300
# Elsewhere than on a terminal, seconds between two lines that say how far the run is.
_SECONDS_BETWEEN_LINES = 60.0
# What is shown until there is something to count: libraries load, keys are made.
_NOTHING_YET = "getting ready"


class TimeLeft(ProgressColumn):
    """The time left by all that was done so far: steadier than by the last few steps, which differ by method."""

    def render(self, task: Bar) -> Text:
        left = time_left(task.completed, task.total or 0.0, task.elapsed or 0.0)
        return Text("" if left is None else f"{in_words(left)} left")


def time_left(done: float, total: float, elapsed: float) -> float | None:
    """Seconds left by what was done of the expected work in that time; None as long as it is too early to say."""
    return elapsed * (total - done) / done if done > 0.02 * total and elapsed > 2 else None


def time_in_words(expected: Expected, workers: int) -> str:
    """In a sentence, what a run is expected to take on this machine, and what that rests on."""
    if not expected.seconds:
        return NOTHING_LEFT
    by = f"with {workers} worker{'' if workers == 1 else 's'}"
    if expected.unknown:
        return f"Nobody knows yet how long {', '.join(expected.unknown)} takes; going on {by}."
    basis = sorted({basis for _, basis in expected.by_method.values()})
    return f"{between_in_words(*expected.between(workers))} {by}, by {' and '.join(basis)}{busy_in_words()}."


class ProgressListener(Listener):
    """One overall bar in expected seconds of trials, and below it what each worker is at."""

    def __init__(self) -> None:
        self.console = messages()
        self.bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[of]}", markup=False),
            TimeLeft(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._expected: dict[str, float] = {}
        self._n_done, self._seconds_done = 0, 0.0
        self._started = self._said = time.monotonic()

    def __enter__(self) -> ProgressListener:
        self.bars.start()
        self._tasks[_NOTHING_YET] = self.bars.add_task(_NOTHING_YET, total=None, of="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    def starting(self, expected: Expected, workers: int) -> None:
        self._expected = dict(expected.seconds)
        self._n_done, self._seconds_done = 0, 0.0  # a command may consist of several runs
        self._start_clock()
        self.console.print(time_in_words(expected, workers))
        self._show_overall()

    def encoding(self, slide: str, done: int, total: int) -> None:
        name = shown_name(slide, _LONGEST_NAME)
        self._show(f"embedding {name}", done, total)
        self._start_clock()  # what is expected to take its time are the trials
        if done == total and not self.console.is_terminal:
            self.console.print(f"embedded {name}: {total} patches")

    def slide_made(self, done: int, total: int) -> None:
        self._show("embedding slides", done, total)
        self._start_clock()
        if done == total and not self.console.is_terminal:
            self.console.print(f"embedded {counted(total, 'slide')}")

    def fitting(self, label: str, done: int, total: int, score: float | None) -> None:
        reached = "" if score is None else f" · PCC {score:.3f}"
        self._show(shown_name(label, _LONGEST_NAME), done, total, reached)

    def tried(self, curves: Curves) -> None:
        if curves.failure:
            what = shown_name(str(curves.about.get("method", "")), _LONGEST_NAME)
            self.console.print(f"inner trial of {what} failed: {cleaned(curves.failure, _LONGEST_REASON)}")
        self._ended(curves.key)

    def found(self, key: str) -> None:
        self._ended(key)

    def recorded(self, record: Record, done: int, total: int) -> None:
        if record.failure:
            reached = f"failed: {cleaned(record.failure, _LONGEST_REASON)}"
        else:
            scores = [scored.scores.get("pcc") for scored in record.slides]
            reached = "PCC " + ", ".join("undefined" if score is None else f"{score:.3f}" for score in scores)
        row = " ".join(filter(None, (record.row.method, record.row.variant)))
        name = shown_name(row_words(row), _LONGEST_NAME)
        fold = shown_name(record.fold, _LONGEST_NAME)
        self.console.print(f"[{done}/{total}] {name} · fold {fold} · {reached}")
        self._ended(record.key)

    def warning(self, sentence: str) -> None:
        self.console.print(f"warning: {cleaned(sentence)}")

    def _ended(self, key: str) -> None:
        self._n_done += 1
        self._seconds_done += self._expected.get(key, 0.0)
        self._show_overall()
        now = time.monotonic()
        if not self.console.is_terminal and now - self._said > _SECONDS_BETWEEN_LINES:
            self._said = now
            left = time_left(self._seconds_done, self._total, now - self._started)
            words = "" if left is None else f", about {in_words(left)} left"
            self.console.print(f"{self._n_done} of {len(self._expected)} trials done{words}")

    def _start_clock(self) -> None:
        self._started = time.monotonic()
        if _NOTHING_YET in self._tasks:
            self.bars.remove_task(self._tasks.pop(_NOTHING_YET))
        if "trials" in self._tasks:
            self.bars.reset(self._tasks["trials"], total=self._total)

    @property
    def _total(self) -> float:
        return sum(self._expected.values())

    def _show_overall(self) -> None:
        of = f"{self._n_done}/{len(self._expected)}"
        if "trials" not in self._tasks:
            self._tasks["trials"] = self.bars.add_task("trials", total=self._total, of=of)
        self.bars.update(self._tasks["trials"], completed=self._seconds_done, total=self._total, of=of)

    def _show(self, what: str, done: int, total: int, reached: str = "") -> None:
        """A line for what a worker is at, as long as it is at it."""
        if done >= total:
            if what in self._tasks:
                self.bars.remove_task(self._tasks.pop(what))
            return
        if what not in self._tasks:
            self._tasks[what] = self.bars.add_task(what, total=total, of="")
        task, of = self._tasks[what], f"{done}/{total}"
        self.bars.update(task, description=f"  {what}{reached}", completed=done, total=total, of=of)
