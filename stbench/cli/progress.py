"""What a person sees while a run goes on: bars on a terminal, plain lines elsewhere; always on standard error."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from stbench.cli.consoles import messages
from stbench.commands.run import Listener
from stbench.names import cleaned, shown_name

if TYPE_CHECKING:
    from stbench.record import Record

# Letters that leave a line of a terminal room for the rest of it; the whole reason stands in the table.
_LONGEST_NAME, _LONGEST_REASON = 50, 300


class ProgressListener(Listener):
    """One bar per level: results, embedding, the current fit's epochs with its latest validation PCC."""

    def __init__(self) -> None:
        self.console = messages()
        self.bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> ProgressListener:
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    def encoding(self, slide: str, done: int, total: int) -> None:
        name = shown_name(slide, _LONGEST_NAME)
        self._show("embedding", f"embedding {name}", done, total)
        if done == total and not self.console.is_terminal:
            self.console.print(f"embedded {name}: {total} patches")

    def fitting(self, label: str, done: int, total: int, score: float | None) -> None:
        reached = "" if score is None else f" · PCC {score:.3f}"
        self._show("fit", f"{shown_name(label, _LONGEST_NAME)}{reached}", done, total)

    def recorded(self, record: Record, done: int, total: int) -> None:
        self._show("results", "results", done, total)
        if record.failure:
            reached = f"failed: {cleaned(record.failure, _LONGEST_REASON)}"
        else:
            scores = [scored.scores.get("pcc") for scored in record.slides]
            reached = "PCC " + ", ".join("undefined" if score is None else f"{score:.3f}" for score in scores)
        name = shown_name(" ".join(filter(None, (record.row.method, record.row.variant))), _LONGEST_NAME)
        fold = shown_name(record.fold, _LONGEST_NAME)
        self.console.print(f"[{done}/{total}] {name} · fold {fold} · {reached}")

    def warning(self, sentence: str) -> None:
        self.console.print(f"warning: {cleaned(sentence)}")

    def _show(self, level: str, text: str, done: int, total: int) -> None:
        if level not in self._tasks:
            self._tasks[level] = self.bars.add_task(text, total=total)
        self.bars.update(self._tasks[level], description=text, completed=done, total=total)
