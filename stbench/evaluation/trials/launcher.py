"""The parent's side: start the fork server, ask it for a child, hear the child, end it, and say how it ended."""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from stbench.errors import MethodError, UsageError
from stbench.evaluation.process_ends import words_of_end
from stbench.evaluation.sealing.seal import reduced
from stbench.evaluation.trials import station as stations
from stbench.evaluation.trials.child import LONGEST_REASON, LONGEST_TRACE
from stbench.evaluation.trials.frames import BadFrame, Frame, FrameReader, send
from stbench.evaluation.trials.lending import lent_caches
from stbench.evaluation.trials.plugins import PluginPlace

# Of what a child prints, so many bytes of the end are kept.
LONGEST_OUTPUT = 10_000
_SIGKILL = 9  # not named on every system
_BLOCK = 1 << 20
_SLACK = 1 << 20  # bytes that a child may send beyond what it is asked for
# The kind of a failure that nobody need be at fault for: the child was killed, or its station is gone.
KILLED = "killed"
# One thread in each: another one would be lost in the fork, and with it what it was at.
_ONE_THREAD = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
# CUDA's matrix products sum in one order, with so much memory of their own; read when a child first uses a card.
_REPEATABLE = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
# What Python needs to find itself, and nothing that names data or opens a door.
_OF_PYTHON = ("HOME", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE")


class TrialFailed(MethodError):
    """A child did not come to a result: `trace` is its traceback, or the last that it printed.

    kind  "plugin" (it does not load), "method" (its own words), "usage", "exception"; without a word KILLED or "ended"
    """

    def __init__(self, reason: str, trace: str = "", kind: str = "exception"):
        super().__init__(reason)
        self.trace, self.kind = trace, kind


@dataclass(frozen=True)
class Errand:
    """What a child is to do.

    task        `module:function` of the harness, as in child.Task
    work        what the task is told, as plain values and arrays
    light       its method trains no network
    most_bytes  of arrays in one answer
    time_limit  seconds, None for no limit
    watched     the child tells which files the plugin opens, or tries to
    """

    task: str
    plugin: PluginPlace | None
    work: Mapping[str, Any]
    arrays: Sequence[np.ndarray] = ()
    threads: int = 1
    light: bool = False
    most_bytes: int = 0
    time_limit: float | None = None
    watched: bool = False


class Station:
    """The fork server, and the one child that it has at a time."""

    def __init__(self, kind: str) -> None:
        self.kind, self.gone = kind, False
        self.control, there = socket.socketpair()
        self.process = start_process(there, kind)
        there.close()

    def start_child(self, output: int) -> socket.socket:
        """The socket to a fresh child, whose words go to the file `output`."""
        here, there = socket.socketpair()
        try:
            socket.send_fds(self.control, [stations.START], [there.fileno(), output])
        except BaseException:
            here.close()
            raise
        finally:
            there.close()
        return here

    def end_child(self) -> None:
        """Have the child killed, if it lives, and wait until nothing of it is left."""
        with contextlib.suppress(OSError):
            self.control.send(stations.KILL)
        self.ended()

    def ended(self) -> int | None:
        """How the child ended: exit code, or minus the signal; None where the station itself is gone."""
        found = b""
        while len(found) < stations.STATUS.size:
            try:
                block = self.control.recv(stations.STATUS.size - len(found))
            except ConnectionError:
                block = b""
            if not block:
                self.gone = True
                return None
            found += block
        return stations.STATUS.unpack(found)[0]

    def close(self) -> None:
        """End the station, and with it everything that it has started."""
        self.control.close()


def start_process(there: socket.socket, kind: str) -> Any:
    """A fresh Python that serves at that end of a socket."""
    if not hasattr(os, "fork"):
        raise UsageError("Trials in processes of their own need Linux or macOS; use --in-process here.")
    kept = {name: os.environ[name] for name in _OF_PYTHON if name in os.environ}
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", stations.__name__, str(there.fileno()), kind],
        env=reduced(os.environ) | kept | _ONE_THREAD | _REPEATABLE,
        pass_fds=[there.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # whoever reads this process's own must not have to wait for the station's end
        start_new_session=True,  # Ctrl-C is the parent's to handle
    )


@cache
def _stations() -> dict[str, Station]:
    """This process's stations by kind, each started when first needed."""
    atexit.register(_close_all)
    return {}


def _close_all() -> None:
    while _stations():
        _stations().popitem()[1].close()


def station(light: bool) -> Station:
    """This process's station of that kind; asked for early, it loads its libraries meanwhile."""
    kind = "light" if light else "heavy"
    if kind not in _stations():
        _stations()[kind] = Station(kind)
    return _stations()[kind]


def run_in_child(
    errand: Errand,
    hear: Callable[[Frame], None] = lambda frame: None,
    on_output: Callable[[str], None] = lambda words: None,
) -> Frame:
    """Have a fresh sealed child do an errand: its last frame, "done". TrialFailed where it does not come to that.

    hear       is called with every other frame, as it comes; what it raises ends the child and passes
    on_output  is called with what the child printed, if anything
    """
    with contextlib.closing(frames_of_child(errand, on_output)) as frames:
        for frame in frames:
            if frame.kind == "done":
                return frame
            hear(frame)
    raise TrialFailed("it ended without a result")


def frames_of_child(
    errand: Errand, on_output: Callable[[str], None] = lambda words: None
) -> Generator[Frame, None, None]:
    """What a fresh sealed child sends, as it comes, up to "done"; TrialFailed where it does not come to that.

    Whoever closes this before its end has the child killed.
    """
    with _workplace() as folder, tempfile.TemporaryFile() as output:
        try:
            end = yield from _conversation(errand, folder, output.fileno())
        finally:
            words = _end_of(output.fileno())
            if words:
                on_output(words)
    if end is not None:
        raise TrialFailed(end.reason, words, end.kind)


class _End(NamedTuple):
    """How a child ended without a result, in words, and the kind of failure that this is."""

    reason: str
    kind: str = "ended"

    @classmethod
    def of(cls, status: int | None) -> _End:
        """By exit code or minus the signal, None where its station is gone."""
        return cls(ending(status), KILLED if status is None or status == -_SIGKILL else "ended")


def _conversation(errand: Errand, workplace: Path, output: int) -> Generator[Frame, None, _End | None]:
    """The child's frames; at the end, how it ended without a result (None where it had one)."""
    server = station(errand.light)
    talk = None
    try:
        talk = server.start_child(output)
        with contextlib.suppress(ConnectionError):  # it has ended already, and how is told below
            send(talk, errand.task, _request(errand, workplace), errand.arrays)
        for frame in _heard(errand, talk, server.control):
            if frame.kind == "failed":
                raise _failure(frame)
            yield frame
            if frame.kind == "done":
                return None
        status = server.ended()
        talk.close()
        talk = None
        return _End.of(status)
    except _TimeIsUp:
        minutes = (errand.time_limit or 0) / 60
        return _End(f"it took longer than the time limit of {minutes:g} minute{'' if minutes == 1 else 's'}")
    except BadFrame as error:
        return _End(str(error))
    except ConnectionError:
        return _End.of(None)
    finally:
        if talk is not None:
            server.end_child()
            talk.close()
        if server.gone:
            server.close()
            _stations().pop(server.kind, None)


class _TimeIsUp(Exception):
    """The child has had all the time that it may take."""


def _heard(errand: Errand, talk: socket.socket, control: socket.socket) -> Iterator[Frame]:
    """A child's frames as they come, until it or its station has nothing more to say."""
    reader = FrameReader(errand.most_bytes + _SLACK)
    until = None if errand.time_limit is None else time.monotonic() + errand.time_limit
    while True:
        left = None if until is None else until - time.monotonic()
        # Asked first: one that never stops talking has no more time than one that is silent.
        if left is not None and left <= 0:
            raise _TimeIsUp
        ready = select.select([talk, control], [], [], left)[0]
        # Its words first: they lie there still when it has ended.
        block = talk.recv(_BLOCK) if talk in ready else b""
        if ready and not block:
            return
        yield from reader.feed(block)


def _request(errand: Errand, workplace: Path) -> dict[str, Any]:
    """What a child is told besides its arrays."""
    lent = lent_caches()
    own = [errand.plugin.package[1]] if errand.plugin else []
    return {
        "plugin": errand.plugin.packed() if errand.plugin else None,
        "workplace": str(workplace),
        "lent": {inside: str(folder) for inside, folder in lent.items()},
        "readable": [str(path.resolve()) for path in [*own, *lent.values()]],
        "threads": errand.threads,
        "watched": errand.watched,
        "work": dict(errand.work),
    }


def _failure(frame: Frame) -> TrialFailed:
    """What a child said of its failure; it may have been anybody in it who said so."""
    told = frame.value if isinstance(frame.value, dict) else {}
    words = {name: told.get(name) for name in ("reason", "trace", "kind")}
    texts = {name: value if isinstance(value, str) else "" for name, value in words.items()}
    reason = texts["reason"][:LONGEST_REASON] or "it failed without a word"
    return TrialFailed(reason, texts["trace"][-LONGEST_TRACE:], texts["kind"] or "exception")


def ending(status: int | None) -> str:
    """In words, how a process ended that should have come to a result."""
    if status is None:
        return "the process that starts trials ended; out of memory is the usual reason"
    return f"its process {words_of_end(status)}"


@contextlib.contextmanager
def _workplace() -> Iterator[Path]:
    """A private folder of a short name, since sockets are made in it; gone afterwards with all that is in it."""
    folder = Path(tempfile.mkdtemp(prefix="stb-", dir="/tmp" if os.access("/tmp", os.W_OK) else None))
    try:
        yield folder
    finally:
        remove_all(folder)


def remove_all(folder: Path) -> None:
    """Remove a folder, opening what its maker has closed in it; what cannot be removed even so is left.

    Nothing outside the folder is touched: where it is the folder itself that cannot be removed, since a process still
    writes into it, its parent keeps its permissions. That is /tmp, which everybody on the machine shares.
    """

    def open_and_remove(remove: Callable[..., Any], path: str, error: Any) -> None:
        with contextlib.suppress(OSError):
            for place in (Path(path).parent, Path(path)):
                if place.is_relative_to(folder) and not place.is_symlink():
                    place.chmod(0o700)
            remove(path)

    shutil.rmtree(folder, onerror=open_and_remove)


def _end_of(output: int) -> str:
    """The end of what a child printed."""
    size = os.fstat(output).st_size
    start = max(0, size - LONGEST_OUTPUT)
    return os.pread(output, LONGEST_OUTPUT, start).decode(errors="backslashreplace").strip()
