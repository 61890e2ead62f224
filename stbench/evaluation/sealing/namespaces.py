"""Namespaces: shared memory, message queues and mounts that no other process sees.

Worker processes of a DataLoader or of joblib need /dev/shm, and notes could pass through a shared one from one sealed
process to the next.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")

_NEW_MOUNTS, _NEW_IPC, _NEW_USER = 0x00020000, 0x08000000, 0x10000000
_RECURSIVE, _PRIVATE = 0x4000, 1 << 18
_NO_SETUID, _NO_DEVICES = 2, 4
_SET_DUMPABLE = 4


def enter() -> bool:
    """Have mounts, message queues and /dev/shm of its own from now on; False where this system gives none.

    Needs a process of one thread. Where the process is not root it becomes, to itself, root of a user namespace that
    holds its own user alone.
    """
    if not sys.platform.startswith("linux"):
        return False
    user, group = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_MOUNTS | _NEW_IPC) != 0:
        libc.prctl(_SET_DUMPABLE, 1, 0, 0, 0)  # else its files below /proc are root's, after a change of user
        if libc.unshare(_NEW_USER | _NEW_MOUNTS | _NEW_IPC) != 0:
            return False
        try:
            _be_oneself(user, group)
        except OSError:
            return False
    private = libc.mount(b"none", b"/", None, _RECURSIVE | _PRIVATE, None) == 0
    return private and _own_shared_memory(libc)


def _be_oneself(user: int, group: int) -> None:
    """Keep one's own number inside the user namespace, so that files stay one's own."""
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def _own_shared_memory(libc: ctypes.CDLL) -> bool:
    target = str(SHARED_MEMORY).encode()
    return libc.mount(b"tmpfs", target, b"tmpfs", _NO_SETUID | _NO_DEVICES, b"mode=1777") == 0
