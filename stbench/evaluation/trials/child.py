"""A child's life: read the request, open what it lends, seal itself, load the plugin, do the task, answer, end.

Everything up to the seal is the harness's own code. From then on the process can open nothing but the installation,
the plugin's folder and what the request lent it, and whatever the plugin does, it does to this process alone.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import os
import signal
import socket
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from stbench.contract import Method, TrainingState
from stbench.errors import MethodError, PluginError, StbenchError
from stbench.evaluation.sealing.seal import seal
from stbench.evaluation.threads import limit_threads
from stbench.evaluation.trials.file_watch import FileWatch
from stbench.evaluation.trials.frames import Frame, receive, send
from stbench.evaluation.trials.plugins import PluginPlace, load_class

LONGEST_REASON, LONGEST_TRACE = 2_000, 20_000
_LIKELIEST_VICTIM = "1000"
# Said of every trial's process anew, and known: weights that lack stand in the row, arrays are not to be written to.
_KNOWN_WARNINGS = ("No ImageNet weights of", "The given NumPy array is not writable")

# What a task does once the process is sealed: with the means to load the plugin's class and to answer meanwhile.
Loading = Callable[[], type[Method]]
Task = Callable[[Loading, "Voice"], tuple[Any, Sequence[np.ndarray]]]


class Voice:
    """Sends the child's news to the parent, one frame at a time whichever thread speaks."""

    def __init__(self, talk: socket.socket):
        self._talk, self._lock = talk, threading.Lock()

    def say(self, kind: str, value: Any = None, arrays: Sequence[np.ndarray] = ()) -> None:
        with self._lock:
            send(self._talk, kind, value, arrays)

    def progress(self, done: int, total: int) -> None:
        self.say("progress", [int(done), int(total)])

    def hand_over(self, checkpoint: int, predictions: list[np.ndarray]) -> None:
        self.say("checkpoint", checkpoint, predictions)

    def keep(self, state: TrainingState) -> None:
        arrays = {str(name): np.asarray(array) for name, array in state.arrays.items()}
        self.say("state", {"names": list(arrays), "plain": dict(state.plain)}, list(arrays.values()))


def live(talk: socket.socket, output: int) -> NoReturn:
    """Do what the parent asks for, say how it went, and end without running anything more of the plugin's."""
    _leave_the_family(output)
    request = receive(talk)
    if request is None:
        os._exit(0)
    voice = Voice(talk)
    plugin = request.value["plugin"] and PluginPlace.unpacked(request.value["plugin"])
    try:
        task = _sealed_with(request, voice)
        with _watching(request.value["watched"], voice):
            value, arrays = task(lambda: _loaded(plugin), voice)
        voice.say("done", value, arrays)
    except BaseException as error:
        voice.say("failed", told(error, plugin))
    finally:
        os._exit(0)


@contextlib.contextmanager
def _watching(wanted: bool, voice: Voice) -> Iterator[None]:
    """Tell afterwards which files were opened inside, or tried, if that is wanted."""
    if not wanted:
        yield
        return
    watch = FileWatch()
    try:
        with watch:
            yield
    finally:
        voice.say("opened", watch.reported())


def _leave_the_family(output: int) -> None:
    """A session and process group of its own, no input, and all that is printed in one file."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_LIKELIEST_VICTIM)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(output)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - as long as the process lives
    sys.stdout = open(1, "w", buffering=1, closefd=False, errors="backslashreplace")  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False, errors="backslashreplace")  # noqa: SIM115
    faulthandler.enable(sys.stderr)


def _prepared(name: str, value: Mapping[str, Any], arrays: Sequence[np.ndarray]) -> Task:
    """The task of that name, `module:function`, with its files open already."""
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)(value["work"], arrays)


def _sealed_with(request: Frame, voice: Voice) -> Task:
    """The task, ready to be done: caches lent, process sealed, threads set; says how far the seal goes."""
    value, tasks = request.value, list[Task]()
    workplace = Path(value["workplace"])
    for inside, outside in value["lent"].items():
        (workplace / inside).parent.mkdir(parents=True, exist_ok=True)
        (workplace / inside).symlink_to(outside)
    for message in _KNOWN_WARNINGS:
        warnings.filterwarnings("ignore", message=message)
    readable = [Path(path) for path in value["readable"]]
    sealed = seal(workplace, readable, lambda: tasks.append(_prepared(request.kind, value, request.arrays)))
    # Not before: a process of several threads can be sealed in part only.
    limit_threads(value["threads"])
    voice.say("sealed", str(sealed))
    return tasks[0]


def _loaded(plugin: PluginPlace) -> type[Method]:
    try:
        return load_class(plugin)
    except PluginError:
        raise
    except SystemExit as error:
        raise PluginError(
            f"Plugin {plugin.name} does not load: it calls sys.exit({error.code!r})."
        ) from error
    except BaseException as error:
        raise PluginError(f"Plugin {plugin.name} does not load: {_repr(error)}.") from error


def told(error: BaseException, plugin: PluginPlace | None) -> dict[str, Any]:
    """What went wrong as plain values; its own words may be of any length, or fail themselves."""
    lines = traceback.format_exception(error)
    trace = _without_places("".join(lines), plugin)
    return {
        "reason": _reason(error)[:LONGEST_REASON],
        "kind": _kind(error),
        "trace": trace[-LONGEST_TRACE:],
    }


def _kind(error: BaseException) -> str:
    """Whose trouble it is: a plugin that does not load, the method's own, or another exception."""
    kinds = ((PluginError, "plugin"), (MethodError, "method"), (StbenchError, "usage"))
    return next((kind for types, kind in kinds if isinstance(error, types)), "exception")


def _reason(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"it called sys.exit({_repr(error.code)})"
    try:
        words = " ".join(str(error).split()) or "no message"
    except BaseException:
        words = "a message that cannot be read"
    return words if isinstance(error, StbenchError) else f"{type(error).__name__}: {words}"


def _repr(value: object) -> str:
    try:
        return repr(value)[:LONGEST_REASON]
    except BaseException:
        return type(value).__name__


def _without_places(trace: str, plugin: PluginPlace | None) -> str:
    """The traceback with what a path means in place of where it lies on this machine."""
    places = {str(Path(__file__).parents[2]): "stbench", str(Path.cwd()): "workplace"}
    if plugin:
        places[str(plugin.package[1])] = plugin.name
    places |= {path: "site-packages" for path in sys.path if path.endswith("-packages")}
    places |= {sys.prefix: "python", sys.base_prefix: "python"}
    for place in sorted(places, key=len, reverse=True):
        trace = trace.replace(place, places[place])
    return trace
