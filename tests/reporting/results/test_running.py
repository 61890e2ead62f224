"""Who is at work, told by one look: the dead are not, whatever the clocks of two machines say."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stbench.files import write_json
from stbench.reporting.results.claims import STALE_SECONDS, Claims
from stbench.reporting.results.running import running

KEY = "0123456789abcdef"


def elsewhere(out: Path, name: str, seconds_ago: float) -> None:
    """A claim of a run on another machine, whose heart beat last so long ago by the file server's clock."""
    beat = out / "claims" / "beats" / f"{name}.json"
    write_json(beat, {"machine": "another", "process": 1, "started": 0.0, "beat": 3})
    os.utime(beat, (time.time() - seconds_ago,) * 2)
    (out / "claims" / KEY).write_text(name)


def test_a_claim_is_running_as_long_as_its_run_lives(tmp_path: Path):
    assert running(tmp_path) == {}
    with Claims(tmp_path) as claims:
        assert claims.claim(KEY)
        assert running(tmp_path) == {KEY: claims.name}
    assert running(tmp_path) == {}


def test_a_run_that_was_killed_is_not_running(tmp_path: Path):
    code = (
        "import os, sys, signal; from pathlib import Path\n"
        "from stbench.reporting.results.claims import Claims\n"
        "claims = Claims(Path(sys.argv[1])).__enter__()\n"
        f"assert claims.claim({KEY!r}); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert (tmp_path / "claims" / KEY).is_file() and running(tmp_path) == {}


@pytest.mark.parametrize(
    ("seconds_ago", "runs"),
    [(5, True), (STALE_SECONDS + 5, False), (-3600, True)],
    ids=["now", "dead", "ahead"],
)
def test_another_machines_run_lives_as_long_as_its_heart_beats(
    tmp_path: Path, seconds_ago: float, runs: bool
):
    elsewhere(tmp_path, "far", seconds_ago)
    assert running(tmp_path) == ({KEY: "far"} if runs else {})


def test_a_machine_whose_clock_is_off_by_an_hour_keeps_its_claim(tmp_path: Path):
    """What it writes is looked at, never what time it says it is."""
    elsewhere(tmp_path, "far", 3600)
    with Claims(tmp_path) as claims:
        assert claims.of_others() == {KEY} and not claims.claim(KEY)


def test_a_folder_that_cannot_be_written_is_read_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    elsewhere(tmp_path, "far", 3600)

    def refused(self: Path, data: bytes) -> int:
        raise PermissionError("read-only")

    monkeypatch.setattr(Path, "write_bytes", refused)
    assert running(tmp_path) == {KEY: "far"}
