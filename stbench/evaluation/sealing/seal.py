"""Sealing the process that calls: files by Landlock, shared memory by namespaces; what this machine can do of it."""

from __future__ import annotations

import json
import os
import site
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from stbench.errors import StbenchError
from stbench.evaluation.sealing import landlock, namespaces
from stbench.evaluation.sealing.calls import refuse_calls

# What programs and libraries read of a system; nobody's data lie there.
_SYSTEM = (
    "/bin", "/lib", "/lib64", "/usr", "/etc/ld.so.cache", "/etc/localtime", "/etc/passwd", "/etc/group",
    "/etc/nsswitch.conf", "/etc/os-release", "/etc/fonts", "/etc/ssl", "/proc", "/sys/devices", "/sys/fs/cgroup",
    "/sys/kernel/mm", "/dev/urandom", "/dev/random",
)  # fmt: skip
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/dri", "/dev/kfd")
# What a sealed process keeps of its environment; folders for temporary files are set anew.
_KEPT = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TZ",
    "LD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
    "PYTHONHASHSEED",
    "PYTHONWARNINGS",
)
_KEPT_PREFIXES = ("OMP_", "MKL_", "OPENBLAS_", "NUMEXPR_", "CUBLAS_", "NVIDIA_", "PYTORCH_")
_FOLDERS = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "MPLCONFIGDIR", "NUMBA_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR")


class Seal(NamedTuple):
    """How far a process is shut in; `reason` says what it lacks, "" where it lacks nothing."""

    files: bool
    memory: bool
    reason: str = ""

    def __str__(self) -> str:
        if not self.files:
            return "not sealed"
        return "sealed" if self.memory else "sealed, shared memory open"


def seal(
    workplace: Path, readable: Iterable[Path] = (), opening: Callable[[], object] = lambda: None
) -> Seal:
    """Shut this process in: it reads the installation and `readable` only, and writes below `workplace` only.

    `opening` is called in between, to open files that the process is to keep: by then nothing of them can be changed.

    To be called before the process has a second thread, and before untrusted code is imported. Where a part cannot be
    had, the other still holds; the environment is reduced in any case. `workplace` is a folder of a short name, since
    processes that work together make sockets in it, whose paths may have 107 letters.
    """
    reduce_environment(workplace)
    os.chdir(workplace)
    memory = namespaces.enter(workplace)
    opening()
    devices = [Path(device) for device in _DEVICES] + sorted(Path("/dev").glob("nvidia*"))
    try:
        landlock.restrict([*installation(), *readable], [workplace, namespaces.SHARED_MEMORY, *devices])
    except StbenchError as error:
        return Seal(False, memory, str(error))
    memory = refuse_calls() and memory
    return Seal(
        True,
        memory,
        "" if memory else "no namespace of its own, or no filter of calls, can be had here",
    )


def installation() -> list[Path]:
    """Files and folders that Python, its packages and stbench itself are made of."""
    packages = [*site.getsitepackages(), site.getusersitepackages(), *sysconfig.get_paths().values()]
    stbench = Path(__file__).parents[2]
    return [Path(p) for p in dict.fromkeys((*_SYSTEM, sys.prefix, sys.base_prefix, *packages, stbench))]


def reduce_environment(workplace: Path) -> None:
    """Leave only what libraries need of the environment, and have whatever is written go below `workplace`."""
    kept = reduced(os.environ) | dict.fromkeys(_FOLDERS, str(workplace))
    os.environ.clear()
    os.environ.update(kept)
    tempfile.tempdir = None  # it was looked up once, perhaps, in the environment of before


def reduced(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that a sealed process keeps: no folders, no addresses, no tokens."""
    return {
        name: value for name, value in environment.items() if name in _KEPT or name.startswith(_KEPT_PREFIXES)
    }


def possible_here() -> Seal:
    """How far a process can be sealed on this machine, found by sealing one."""
    program = f"import sys; from {__name__} import try_out; try_out(sys.argv[1])"
    with tempfile.TemporaryDirectory() as workplace:
        command = [sys.executable, "-c", program, workplace]
        tried = subprocess.run(command, capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        words = tried.stderr.strip().splitlines() or [f"exit status {tried.returncode}"]
        return Seal(False, False, f"the process that tried it failed: {words[-1]}")
    return Seal(**json.loads(tried.stdout))


def try_out(workplace: str) -> None:
    """Seal this process, and print how far that went."""
    print(json.dumps(seal(Path(workplace))._asdict()))
