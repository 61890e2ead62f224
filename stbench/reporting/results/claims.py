"""Claims: which run is at which piece of work, so that two runs on one folder share it instead of doing it twice.

out/claims/<key>                one for each piece of work that somebody is at, so that one folder holds few of them
out/claims/beats/<run>.json     the heartbeat of a run

A claim is a file that only one run can make (O_EXCL). While the run lives, the claims that it holds name its heartbeat,
which it rewrites every few seconds. A claim is stale where its run's process is known to be gone (the same machine,
since it was started), or where the observer has watched the heartbeat on its own clock for a while and it did not
change: clocks of two machines are never compared. No result depends on a claim being right; where two runs do the same
work after all, both write the same file.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import psutil

from stbench.files import make_folder, read_json_or_none, write_json

BEAT_SECONDS = 5.0
STALE_SECONDS = 60.0
_SECONDS_BETWEEN_LOOKS = 4.0


class Claims:
    """The claims of one run below a results folder; a context, in which its heart beats."""

    def __init__(self, out: Path, stale_seconds: float = STALE_SECONDS):
        self.folder = Path(out) / "claims"
        self.name = uuid.uuid4().hex
        self.stale_seconds = stale_seconds
        self._held: set[str] = set()
        self._watched: dict[str, tuple[str, float]] = {}
        self._owners: dict[str, str] = {}  # of claims, as far as they were read
        self._looked: dict[
            str, tuple[bool, float]
        ] = {}  # whether owners are dead, and when that was looked at
        self._stopped = threading.Event()
        self._heart = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Claims:
        self._write_beat(0)
        self._heart.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        self._heart.join()
        for key in list(self._held):
            self.release(key)
        self._beat_file(self.name).unlink(missing_ok=True)

    @property
    def sign(self) -> Path:
        """The file that lies there as long as this run lives."""
        return self._beat_file(self.name)

    def claim(self, key: str) -> bool:
        """Whether the work of that key is this run's from now on; what it holds already stays its own."""
        if key in self._held:
            return True
        path = self._file(key)
        make_folder(path.parent)
        for _ in range(2):
            try:
                with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "w") as file:
                    file.write(self.name)
            except FileExistsError:
                if not self._is_stale(key):
                    return False
                path.unlink(missing_ok=True)
                continue
            except OSError:
                return True  # a folder in which nothing can be claimed: the work is done all the same
            self._held.add(key)
            return True
        return False

    def release(self, key: str) -> None:
        """Give a claim of this run's up."""
        if key in self._held:
            self._held.discard(key)
            self._file(key).unlink(missing_ok=True)

    def of_others(self) -> set[str]:
        """The keys that other runs hold, as far as they are not known to be dead."""
        try:
            names = {entry.name for entry in os.scandir(self.folder) if entry.is_file()} - self._held
        except OSError:
            return set()
        self._owners = {key: owner for key, owner in self._owners.items() if key in names}
        return {key for key in names if not self._is_stale(key)}

    def _is_stale(self, key: str) -> bool:
        owner = self._owners.get(key) or self._owner_of(key)
        if owner is None or owner == self.name:
            return False
        self._owners[key] = owner
        # Read once more where it looks stale: somebody else may have taken it over from the dead.
        return self._is_dead(owner or key) and self._owner_of(key) == owner

    def _is_dead(self, owner: str) -> bool:
        """Whether a run is known to be no more, as it was looked at within the last seconds: there may be hundreds."""
        dead, at = self._looked.get(owner, (False, -_SECONDS_BETWEEN_LOOKS))
        if time.monotonic() - at >= _SECONDS_BETWEEN_LOOKS:
            beat = read_json_or_none(self._beat_file(owner)) if owner.isalnum() else None
            dead = (beat is not None and process_is_gone(beat)) or self._has_stood_still(
                owner, json.dumps(beat)
            )
            self._looked[owner] = (dead, time.monotonic())
        return dead

    def _owner_of(self, key: str) -> str | None:
        """The run that holds a claim, "" where it has not said so yet, None where the claim was given up just now."""
        try:
            return self._file(key).read_text(errors="replace")
        except OSError:
            return None

    def _has_stood_still(self, owner: str, beat: str) -> bool:
        """Whether a heartbeat has been the same for a while, on this process's own clock."""
        now = time.monotonic()
        known, since = self._watched.get(owner, (None, now))
        if known != beat:
            self._watched[owner] = (beat, now)
            return False
        return now - since > self.stale_seconds

    def _beat(self) -> None:
        count = 0
        while not self._stopped.wait(BEAT_SECONDS):
            count += 1
            with contextlib.suppress(Exception):  # a full disk, say: the run itself will say so
                self._write_beat(count)

    def _write_beat(self, count: int) -> None:
        write_json(self._beat_file(self.name), {**_this_process(), "beat": count})

    def _beat_file(self, name: str) -> Path:
        return self.folder / "beats" / f"{name}.json"

    def _file(self, key: str) -> Path:
        return self.folder / key


def _this_process() -> dict[str, Any]:
    process = psutil.Process()
    return {"machine": _machine(), "process": process.pid, "started": process.create_time()}


def process_is_gone(beat: Any) -> bool:
    """Whether a heartbeat is of a process of this machine, since it was started, that is no more."""
    if not isinstance(beat, dict) or beat.get("machine") != _machine():
        return False
    try:
        # A clock that is set meanwhile moves the time by a little; another process of the number starts later.
        return abs(psutil.Process(int(beat["process"])).create_time() - float(beat["started"])) > 5
    except psutil.NoSuchProcess:
        return True
    except (psutil.Error, KeyError, TypeError, ValueError):
        return False


def _machine() -> str:
    """A name for this machine since it was started: no host name, and another one in another container."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return f"{uuid.getnode()} {int(psutil.boot_time())}"
