"""System calls that a sealed process is refused, because Landlock lets them reach beyond it.

The kernel's keyrings outlive a process: notes could pass through them to the next. And a process may set the limits
of any other of its user: of processor time, say, which ends the one that measures it.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import sys

# add_key, request_key and keyctl have consecutive numbers.
_FIRST = {"x86_64": 248, "aarch64": 217}
_SET_LIMITS = {"x86_64": 302, "aarch64": 261}  # prlimit64; its first argument is a process, 0 for one's own
_OTHER_NUMBERS = 0x40000000  # the same calls again, for programs of 32 bits
_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_N_CALLS = 3
_SET_SECCOMP, _FILTER = 22, 2
# Instructions of a classic BPF filter over (number, architecture, ...).
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM


class _Instruction(ctypes.Structure):
    _fields_ = [
        ("code", ctypes.c_uint16),
        ("then", ctypes.c_uint8),
        ("otherwise", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    ]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(_Instruction))]


def refuse_calls() -> bool:
    """Have the kernel refuse keyrings and limits of others from now on, to children too; False where it cannot.

    Needs a process that has given up new privileges, as one under Landlock has.
    """
    machine = platform.machine()
    if not sys.platform.startswith("linux") or machine not in _FIRST:
        return False
    first = _FIRST[machine]
    # An instruction's two numbers say how many of the next are passed over where it holds, and where it does not.
    steps = (
        (_LOAD, 0, 0, 4),  # the architecture
        (_IF_EQUAL, 1, 0, _ARCHITECTURE[machine]),
        (_RETURN, 0, 0, _REFUSE),
        (_LOAD, 0, 0, 0),  # the call's number
        (_IF_AT_LEAST, 5, 0, _OTHER_NUMBERS),
        (_IF_EQUAL, 0, 2, _SET_LIMITS[machine]),
        (_LOAD, 0, 0, 16),  # the call's first argument
        (_IF_EQUAL, 3, 2, 0),
        (_IF_AT_LEAST, 0, 2, first),
        (_IF_AT_LEAST, 1, 0, first + _N_CALLS),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    )
    instructions = (_Instruction * len(steps))(*(_Instruction(*step) for step in steps))
    program = _Program(len(steps), instructions)
    return ctypes.CDLL(None).prctl(_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0) == 0
