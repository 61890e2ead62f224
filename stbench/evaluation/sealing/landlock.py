"""Landlock: a Linux process gives up the right to open files, for good and for all its children.

See the kernel's documentation, userspace-api/landlock. Rights that a kernel does not know yet are left out by its
ABI's version: 1 files, 2 links between folders, 3 truncating, 4 TCP, 5 device controls, 6 signals to others.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from stbench.errors import StbenchError

# System calls have the same numbers on all of Linux's architectures that torch runs on.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG, _RULE_PATH_BENEATH, _NO_NEW_PRIVILEGES = 1, 1, 38

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_FOLDER = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _DEVICE_CONTROL = 1 << 14, 1 << 15
_READ = _EXECUTE | _READ_FILE | _READ_FOLDER
_MAKE_DEVICE = 1 << 6 | 1 << 11  # by which root would reach a whole disk
# Rights that mean something for a file, and not for a folder only.
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _DEVICE_CONTROL
# How many rights to files each ABI knows, from the first bit on.
_N_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
_TCP = 0b11  # binding and connecting
_SCOPES = 0b11  # abstract sockets and signals that leave the sealed processes


class _Ruleset(ctypes.Structure):
    _fields_ = [("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64)]


class _PathRule(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = [("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32)]


def abi() -> int:
    """The version of Landlock that this kernel offers, 0 where there is none."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(0, _libc().syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG))


def restrict(readable: Iterable[Path], writable: Iterable[Path]) -> int:
    """Open nothing from now on but what lies below these files and folders; no TCP, no signals to strangers.

    Returns the ABI's version that holds. Files that are open already stay open. Paths that are not there are passed
    over. Raises StbenchError where the kernel refuses, or has no Landlock.
    """
    version = abi()
    if not version:
        raise StbenchError("This kernel offers no Landlock (Linux has it from 5.13 on).")
    handled = (1 << _N_FILE_RIGHTS.get(version, 16)) - 1
    rules = _Ruleset(handled, _TCP if version >= 4 else 0, _SCOPES if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = _checked(_libc().syscall(_CREATE_RULESET, ctypes.byref(rules), size, 0), "make a ruleset")
    try:
        for path in readable:
            _allow(ruleset, path, _READ)
        for path in writable:
            _allow(ruleset, path, handled & ~_MAKE_DEVICE)
        _checked(_libc().prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0), "give up new privileges")
        _checked(_libc().syscall(_RESTRICT_SELF, ruleset, 0), "restrict itself")
    finally:
        os.close(ruleset)
    return version


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        allowed = rights if path.is_dir() else rights & _OF_FILES
        rule = _PathRule(allowed, opened)
        call = _libc().syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.byref(rule), 0)
        _checked(call, f"allow {path}")
    finally:
        os.close(opened)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise StbenchError(f"Landlock could not {what}: {os.strerror(number)} (error {number}).")
    return result
