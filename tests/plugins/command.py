"""The command line as a user meets it: called in this process, or as a process of its own that can be killed."""

from __future__ import annotations

import contextlib
import io
import json
import multiprocessing
import os
import pickle
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

import pytest

# Loaded once by the process that the others are forked from; stbench itself is loaded by each.
_LIBRARIES = [
    "torch", "scanpy", "pandas", "sklearn.decomposition", "sklearn.linear_model", "sklearn.cluster", "scipy.stats",
    "statsmodels.api", "PIL.Image", "pydantic", "typer", "rich.table", "rich.progress", "sklearn.neighbors",
    "torch.utils.flop_counter", "torch.utils.data", "torch._dynamo", "torchvision", "timm", "torch_geometric.nn",
]  # fmt: skip
NO_SERVER = "http://127.0.0.1:9"
COSTS = ("fit_seconds", "predict_seconds_per_1000_spots")


class Outcome(NamedTuple):
    """What a command left: its exit status, standard output and standard error."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output as the one JSON document that it must be."""
        return json.loads(self.out)


def stbench(*arguments: object) -> Outcome:
    """Run a command in this process."""
    from stbench.cli import main

    out, err, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["stbench", *map(str, arguments)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as end:
        return Outcome(int(end.code or 0), out.getvalue(), err.getvalue())
    finally:
        sys.argv = before
    raise AssertionError("main() always ends with an exit status")


class Command:
    """A command in a process of its own, started at once; floors but `mean` and MLflow are left out."""

    def __init__(self, folder: Path, *arguments: object, environment: Mapping[str, str] | None = None):
        self.out, self.err = folder / f"{time.time_ns()}.out", folder / f"{time.time_ns()}.err"
        values = {**os.environ, **(environment or {})}
        self.process: BaseProcess = _forkserver().Process(
            target=_main, args=(list(map(str, arguments)), values, self.out, self.err)
        )
        self.process.start()

    def wait_until(self, condition: Callable[[], bool], seconds: float = 120) -> bool:
        """Wait for a condition to hold; False where the command ended before."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return True
            if not self.process.is_alive():
                return False
            time.sleep(0.005)
        raise TimeoutError(self.err.read_text() if self.err.exists() else "the command has not begun")

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid or 0, number)

    def outcome(self, seconds: float = 120) -> Outcome:
        """What it left, once it has ended."""
        self.process.join(seconds)
        if self.process.is_alive():
            self.process.kill()
            raise TimeoutError(self.err.read_text())
        return Outcome(self.process.exitcode or 0, self.out.read_text(), self.err.read_text())


def _forkserver() -> Any:
    """Processes forked from one that has loaded the libraries, and nothing of stbench or its plugins."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_LIBRARIES)
    return context


class QuickContext:
    """Stands in for multiprocessing's spawn context where a fresh process need not load its libraries anew."""

    def Pipe(self, duplex: bool = True) -> Any:
        return multiprocessing.Pipe(duplex)

    def Process(self, target: Callable[..., None], args: tuple, daemon: bool = False) -> BaseProcess:
        from multiprocessing.reduction import ForkingPickler

        *values, connection = args
        packed = bytes(ForkingPickler.dumps((target, values)))
        return _forkserver().Process(
            target=_unpack, args=(dict(os.environ), packed, connection), daemon=daemon
        )


def _unpack(environment: Mapping[str, str], packed: bytes, connection: Any) -> None:
    os.environ.clear()
    os.environ.update(environment)  # before stbench is loaded, which looks at it
    os.fsync = lambda _: None  # as in the tests' own process: the disk is not waited for
    _fork_stations()
    target, values = pickle.loads(packed)
    target(*values, connection)


def _fork_stations() -> None:
    """Have both processes that start trials forked from this one, as long as it has one thread and no data."""
    from stbench.evaluation.trials import launcher

    started = launcher.start_process
    launcher.start_process = partial(_forked_station, started)
    for light in (True, False):
        launcher.station(light)


def _forked_station(started: Callable[[socket.socket, str], Any], there: socket.socket, kind: str) -> Any:
    """What launcher.start_process starts, without its loading of libraries as long as this process has one thread."""
    from stbench.evaluation.trials.station import LIBRARIES, serve

    if threading.active_count() != 1:  # it must not be forked any more
        return started(there, kind)
    if os.fork() == 0:
        try:
            os.setsid()
            os.closerange(3, there.fileno())
            os.closerange(there.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
            serve(there, LIBRARIES[kind])
        finally:
            os._exit(0)
    return None


def _main(arguments: list[str], environment: Mapping[str, str], out: Path, err: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    # Tests that are started in the background inherit deafness to Ctrl-C, and so does whatever is forked from a process
    # that was started while workers were.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    for path, number in ((out, 1), (err, 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", closefd=False, buffering=1)
    sys.argv = ["stbench", *arguments]
    os.fsync = lambda _: None  # as in the tests' own process: the disk is not waited for
    _fork_stations()
    from stbench import registry
    from stbench.cli import main
    from stbench.reporting.mlflow.tracking import MlflowTracker

    registry.floor_methods = lambda: ["mean"]
    MlflowTracker.log = lambda *_: None  # type: ignore[method-assign]
    try:
        main()
    finally:
        sys.stdout.flush()


def without_costs(document: Mapping[str, Any]) -> Any:
    """A leaderboard's document without what no two runs have in common."""
    return [
        {**table, "rows": [{k: v for k, v in row.items() if k not in COSTS} for row in table["rows"]]}
        for table in document["tables"]
    ]


def records(out: Path) -> dict[str, Any]:
    """The records below a results folder, as they lie there, by key."""
    files = sorted((out / "records").glob("[!.]*.json"))
    return {file.stem: json.loads(file.read_text())["record"] for file in files}


def leftovers(folder: Path) -> list[Path]:
    """Temporary files below a folder that nobody has cleaned up."""
    return [path for path in folder.rglob(".*") if path.is_file()]


def seek_from_few_starts(patch: pytest.MonkeyPatch) -> None:
    """Have k-means start from two seeds, twice each, instead of ten times from ten."""
    from stbench.metrics import clustering

    patch.setattr(clustering, "N_SEEDS", 2)
    patch.setattr(clustering, "N_RESTARTS", 2)


def run_two_floors(out: Path, cache: Path, n_genes: int, methods: Sequence[str] = ("knn",)) -> Path:
    """Results of `mean` and further floors on demo-tiny, made below `out` as `quick` does."""
    from stbench import registry
    from stbench.commands import run as benchmark
    from stbench.reporting.mlflow.tracking import MlflowTracker

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STBENCH_CACHE", str(cache))
        seek_from_few_starts(patch)
        patch.setattr(registry, "floor_methods", lambda: ["mean"])
        patch.setattr(MlflowTracker, "log", lambda *_: None)
        benchmark.run(list(methods), "demo-tiny", out=out, inner="none", genes="highest", n_genes=n_genes)
    return out
