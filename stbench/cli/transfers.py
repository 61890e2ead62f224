"""How far a download is: bars on a terminal, a line per file elsewhere; always on standard error."""

from __future__ import annotations

from types import TracebackType

from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from stbench.cli.consoles import messages
from stbench.commands.datasets_fetch import FetchListener, Plan, RemoteFile
from stbench.names import counted


class TransferBars(FetchListener):
    """A bar for all files and one for the current one on a terminal; a line per file elsewhere."""

    def __init__(self) -> None:
        self.console = messages()
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        self.bars = Progress(
            *columns, console=self.console, transient=True, disable=not self.console.is_terminal
        )
        self._whole: TaskID | None = None
        self._current: tuple[str, TaskID] | None = None
        self._before = 0

    def __enter__(self) -> TransferBars:
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    def planned(self, plan: Plan) -> None:
        self.console.print(summary(plan) if plan.missing else f"Everything is at {plan.folder}.")
        self._whole = self.bars.add_task("all files", total=plan.bytes_left or None)

    def progressed(self, file: RemoteFile, done: int, size: int | None) -> None:
        if self._current is None or self._current[0] != file.name:
            self._current = (file.name, self.bars.add_task(file.name, total=size, completed=done))
            self._before = done
        if self._whole is not None:
            self.bars.update(self._whole, advance=max(0, done - self._before))
        self._before = done
        self.bars.update(self._current[1], completed=done, total=size)

    def finished(self, file: RemoteFile) -> None:
        if self._current is not None:
            self.bars.remove_task(self._current[1])
            self._current = None
        self.console.print(f"fetched {file.name}")

    def note(self, sentence: str) -> None:
        self.console.print(sentence)


def summary(plan: Plan) -> str:
    """How much is to come, where to, and how much the disk holds."""
    unknown = sum(file.size is None for file in plan.missing)
    more = f" and {counted(unknown, 'file')} of unknown size" if unknown else ""
    return (
        f"{len(plan.missing)} of {len(plan.missing) + len(plan.there)} files to download into {plan.folder}: "
        f"{decimal(plan.bytes_left)}{more}; {decimal(plan.bytes_free)} free."
    )
