"""The fork server: a process that has loaded the libraries, holds no data, and forks a child for each trial.

It serves one trial at a time. A parent sends it one end of a socket to talk to the child with, and the file that the
child's words go to; the station tells how the child ended once nothing of it is left. Whatever a child starts is
killed with it, also what left its process group: orphans become the station's children and are killed by it.
Where the parent is gone, so is everything here.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import os
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Sequence

import psutil

START, KILL = b"s", b"k"
STATUS = struct.Struct("<i")
# What plugins are made of, loaded before anything is forked: a child would load it for itself alone. Methods that
# train no network have a station that is ready earlier and forks faster.
_LIGHT = (
    "numpy", "scipy.sparse", "scipy.spatial", "scipy.stats", "sklearn.linear_model", "sklearn.decomposition",
    "sklearn.neighbors", "torch", "torch.utils.flop_counter", "threadpoolctl", "stbench.evaluation.trials.fitting",
    "stbench.evaluation.trials.describe", "stbench.preprocess.linear_method",
)  # fmt: skip
_HEAVY = (
    *_LIGHT, "stbench.nn.training", "torch.utils.data", "torch._dynamo", "torchvision", "timm", "torch_geometric.nn",
)  # fmt: skip
LIBRARIES = {"light": _LIGHT, "heavy": _HEAVY}
_DEATH_SIGNAL, _SUBREAPER = 1, 36  # of prctl
_PATIENCE = 10.0  # seconds in which what was killed must be gone


def serve(control: socket.socket, libraries: Sequence[str]) -> None:
    """Load the libraries, then fork children as the parent asks for them, until it is gone."""
    _prctl(_DEATH_SIGNAL, signal.SIGKILL)  # also while it loads, when it does not listen yet
    _prctl(_SUBREAPER, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for library in libraries:
        with contextlib.suppress(Exception):  # what a plugin needs and cannot have is its own failure
            importlib.import_module(library)
    gc.collect()
    gc.freeze()  # what was loaded is kept for good: a child's collector need not go through it, nor copy its memory
    with contextlib.suppress(ConnectionError):  # the parent is gone, and has not heard all
        while True:
            command, files, _, _ = socket.recv_fds(control, 1, 2)
            if not command:
                return
            if command == START:
                control.sendall(STATUS.pack(_one_child(control, *files)))


def _one_child(control: socket.socket, talk: int, output: int) -> int:
    """Fork a child and wait until nothing of it is left; its exit code, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        control.close()
        _live(talk, output)
    os.close(talk)
    os.close(output)
    status = _waited_for(child, control)
    _end_all(child)
    return os.waitstatus_to_exitcode(status)


def _live(talk: int, output: int) -> None:
    """The rest of a child's life."""
    try:
        _prctl(_DEATH_SIGNAL, signal.SIGKILL)
        from stbench.evaluation.trials.child import live

        live(socket.socket(fileno=talk), output)
    finally:
        os._exit(70)


def _waited_for(child: int, control: socket.socket) -> int:
    """How the child ended, by itself or because the parent asked for it or is gone."""
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        with _ends_heard(child) as heard:
            ready = select.select([control, heard], [], [])[0]
        if control in ready and control.recv(1) != START:  # told to, or nobody is there any more
            os.kill(child, signal.SIGKILL)
            return os.waitpid(child, 0)[1]


@contextlib.contextmanager
def _ends_heard(child: int):
    """Something that can be read once the child has ended."""
    if hasattr(os, "pidfd_open"):
        heard = os.pidfd_open(child)
        try:
            yield heard
        finally:
            os.close(heard)
        return
    here, there = socket.socketpair()
    there.setblocking(False)
    before = signal.signal(signal.SIGCHLD, lambda *_: None)
    woken = signal.set_wakeup_fd(there.fileno())
    try:
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            there.send(b"x")  # it ended before anybody listened
        yield here
    finally:
        signal.set_wakeup_fd(woken)
        signal.signal(signal.SIGCHLD, before)
        here.close()
        there.close()


def _end_all(child: int) -> None:
    """Kill the child's process group, and what has left it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        try:
            if os.waitpid(-1, os.WNOHANG)[0]:
                continue
        except ChildProcessError:  # nobody is left
            return
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        time.sleep(0.002)


def _prctl(option: int, value: int) -> None:
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])), LIBRARIES[sys.argv[2]])
