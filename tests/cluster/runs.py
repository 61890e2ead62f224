"""One small run, by whatever means its trials are done, and what it leaves."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from plugins.command import Command, records, stbench, without_costs

from stbench.reporting.results.trial_store import TrialStore

SLIDES = "A1,B1,C1,D1"
N_TRIALS, N_RECORDS = 6 * 2, 4 * 2 + 4  # pairs of slides, two settings; two seeds of sleepy and one of mean


def asked(data: Path, seconds: float = 0.1, method: str = "sleepy") -> tuple[object, ...]:
    """The options of the run; each of its fits sleeps for so long."""
    return (
        "--method", method, "--dataset", "her2", "--data-root", data, "--slides", SLIDES, "--seeds", "0,1",
        "--threads", 1, "--device", "cpu", "--genes", "highest", "--set", f"{method}.seconds={seconds}",
    )  # fmt: skip


def cluster_file(folder: Path, scheduler: str = "slurm", **more: object) -> Path:
    """A cluster file whose workers run in this environment, with heartbeats that a test can wait for."""
    keys = {"scheduler": scheduler, "jobs": 2, "walltime": "00:10:00", "heartbeat_seconds": 1, **more}
    keys.setdefault("address", "127.0.0.1")
    keys.setdefault("worker_init", f"export PATH={Path(sys.executable).parent}:$PATH")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "cluster.yaml"
    file.write_text("".join(f"{key}: {value}\n" for key, value in keys.items()))
    return file


def predictions(out: Path) -> dict[str, str]:
    """Record -> hash of its predictions."""
    files = (out / "predictions").glob("[!.]*.npz")
    return {file.stem: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def board(out: Path, sealed: bool = True) -> Any:
    """The table without what a run costs, and on request without how far it was sealed."""
    tables = without_costs(stbench("leaderboard", "--out", out, "--json").document)
    for table in tables if not sealed else ():
        for row in table["rows"]:
            del row["sealed"], row["marks"]
    return tables


def assert_same(one: Path, other: Path, sealed: bool = True) -> None:
    """Both folders hold the same trials, predictions and table."""
    assert TrialStore(one).names() == TrialStore(other).names()
    assert predictions(one) == predictions(other) and len(predictions(one)) == N_RECORDS
    assert board(one, sealed) == board(other, sealed)


def spans(out: Path) -> list[tuple[str, str, str]]:
    """Worker, beginning and end of each inner trial and refit."""
    store = TrialStore(out)
    found = [store.load(key)["provenance"] for key in store.names()[0]]
    found += [record["provenance"] for record in records(out).values()]
    return [(p["worker"], p["started_at"], p["finished_at"]) for p in found]


def n_done(out: Path) -> int:
    """Inner trials and Records, by their files' names alone."""
    finished = TrialStore(out).names()[0]
    return len(finished) + len(list((out / "records").glob("[!.]*.json")))


def waited(condition: Callable[[], Any], command: Command | None = None, seconds: float = 90) -> Any:
    """What the condition gave once it held."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        if command is not None and not command.process.is_alive():
            raise AssertionError(f"the run ended: {command.outcome().err}")
        if time.monotonic() > end:
            raise TimeoutError("it never came to that")
        time.sleep(0.05)
    return found
