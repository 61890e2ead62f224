"""Who is at what right now, as far as one look at a results folder can tell.

A heartbeat is judged by its file's time against that of a file that is written just now in the same folder: the same
file server stamps both, so that no two machines' clocks are compared.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path

from stbench.files import read_json_or_none
from stbench.reporting.results.claims import STALE_SECONDS, process_is_gone


def running(out: Path) -> dict[str, str]:
    """Claimed key -> the run that holds it, without those of runs that are dead."""
    folder = Path(out) / "claims"
    alive = _alive(folder / "beats")
    found = {}
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            with contextlib.suppress(OSError):
                owner = Path(entry.path).read_text(errors="replace") if entry.is_file() else ""
                if owner in alive:
                    found[entry.name] = owner
    return found


def _alive(beats: Path) -> set[str]:
    """The runs whose heart beats."""
    if not beats.is_dir():
        return set()
    now, alive = _time_of(beats), set()
    for path in beats.glob("[!.]*.json"):
        with contextlib.suppress(OSError):
            late = now is not None and now - path.stat().st_mtime > STALE_SECONDS
            if not late and not process_is_gone(read_json_or_none(path)):
                alive.add(path.stem)
    return alive


def _time_of(folder: Path) -> float | None:
    """What time it is for whoever stamps this folder's files; None where nothing can be written there."""
    probe = folder / f".now-{uuid.uuid4().hex}"
    try:
        probe.write_bytes(b"")
        return probe.stat().st_mtime
    except OSError:
        return None
    finally:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)
