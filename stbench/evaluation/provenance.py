"""Where a result comes from: versions, git state, machine. No host, user or path names."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from pathlib import Path
from typing import Any

_PACKAGES = (
    "torch", "torchvision", "torch-geometric", "timm", "scanpy", "numpy", "scipy", "scikit-learn", "pandas", "pillow",
)  # fmt: skip


def stbench_version() -> str:
    """The installed version, or "unknown" where the package runs from a bare folder."""
    return _version("stbench")


def collect(device: str, threads: int, workers: int) -> dict[str, Any]:
    """Provenance of everything that one run makes."""
    return {
        "stbench": stbench_version(),
        "git": git_state(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "device": device,
        "threads": threads,
        "workers": workers,
    }


def git_state() -> dict[str, Any] | None:
    """Commit of the checkout that runs, and whether it has uncommitted changes; None outside a checkout."""
    checkout = Path(__file__).resolve().parents[2]
    if not (checkout / ".git").exists():
        return None
    commit = _git(checkout, "rev-parse", "HEAD")
    return {"commit": commit, "changed": bool(_git(checkout, "status", "--porcelain"))} if commit else None


def processor() -> str:
    """The processor's model name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _git(checkout: Path, *arguments: str) -> str:
    try:
        run = subprocess.run(
            ["git", "-C", str(checkout), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return run.stdout.strip() if run.returncode == 0 else ""


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
