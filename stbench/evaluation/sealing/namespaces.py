"""Namespaces: shared memory, message queues, network and mounts that no other process sees.

Worker processes of a DataLoader or of joblib need /dev/shm, and notes could pass through a shared one from one sealed
process to the next; so they could through a local socket, or through the attributes of any file that the user owns
(Landlock lets these be set), which is why everything but the workplace can only be read.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")

_NEW_MOUNTS, _NEW_HOST_NAME, _NEW_IPC, _NEW_USER, _NEW_NETWORK = (
    0x20000,
    0x4000000,
    0x8000000,
    0x10000000,
    0x40000000,
)
_ALL = _NEW_MOUNTS | _NEW_HOST_NAME | _NEW_IPC | _NEW_NETWORK
_RECURSIVE, _PRIVATE, _BIND = 0x4000, 1 << 18, 0x1000
_NO_SETUID, _NO_DEVICES = 2, 4
_SET_DUMPABLE = 4
# mount_setattr, which has the same number on all architectures; Linux has it from 5.12 on.
_SET_MOUNT, _HERE, _AND_BELOW, _READ_ONLY = 442, -100, 0x8000, 1


class _MountChange(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "user_namespace")]


def enter(workplace: Path) -> bool:
    """Have mounts, queues, network and /dev/shm of its own from now on; False where this system gives none.

    Whatever is mounted can only be read, but for the workplace. Needs a process of one thread. Where the process is
    not root it becomes, to itself, root of a user namespace that holds its own user alone.
    """
    if not sys.platform.startswith("linux"):
        return False
    user, group = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_ALL) != 0:
        libc.prctl(_SET_DUMPABLE, 1, 0, 0, 0)  # else its files below /proc are root's, after a change of user
        if libc.unshare(_NEW_USER | _ALL) != 0:
            return False
        try:
            _be_oneself(user, group)
        except OSError:
            return False
    private = libc.mount(b"none", b"/", None, _RECURSIVE | _PRIVATE, None) == 0
    return private and _own_shared_memory(libc) and _only_readable(libc, workplace)


def _only_readable(libc: ctypes.CDLL, workplace: Path) -> bool:
    """Make every mount read-only, but for the workplace and shared memory, which are mounts of their own."""
    place = os.fsencode(workplace)
    if libc.mount(place, place, None, _BIND, None) != 0:
        return False
    changes = [(b"/", _AND_BELOW, _MountChange(_READ_ONLY, 0, 0, 0))]
    for kept in (place, os.fsencode(SHARED_MEMORY)):
        changes.append((kept, 0, _MountChange(0, _READ_ONLY, 0, 0)))
    made = [
        libc.syscall(_SET_MOUNT, _HERE, path, flags, ctypes.byref(change), ctypes.sizeof(change))
        for path, flags, change in changes
    ]
    os.chdir(workplace)  # into the mount that can be written to
    return not any(made)


def _be_oneself(user: int, group: int) -> None:
    """Keep one's own number inside the user namespace, so that files stay one's own."""
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def _own_shared_memory(libc: ctypes.CDLL) -> bool:
    target = str(SHARED_MEMORY).encode()
    return libc.mount(b"tmpfs", target, b"tmpfs", _NO_SETUID | _NO_DEVICES, b"mode=1777") == 0
