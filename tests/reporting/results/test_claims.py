"""Claims: one of several gets a piece of work, and whoever dies with one loses it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from stbench.files import read_json_or_none, write_json
from stbench.reporting.results import claims
from stbench.reporting.results.claims import Claims

KEY = "ab0123"


def test_one_of_several_gets_a_claim_and_another_once_it_is_given_up(tmp_path: Path):
    with Claims(tmp_path) as one, Claims(tmp_path) as other:
        assert one.claim(KEY)
        assert not other.claim(KEY)
        assert one.claim(KEY), "what it holds is its own, to be tried again"
        other.release(KEY)
        assert not other.claim(KEY), "nobody gives up what another holds"
        one.release(KEY)
        assert other.claim(KEY)


def test_of_many_that_ask_at_once_one_gets_it(tmp_path: Path):
    runs, got, start = [Claims(tmp_path) for _ in range(8)], [], threading.Barrier(8)

    def ask(run: Claims) -> None:
        start.wait()
        for number in range(40):
            if run.claim(f"{number:02}key"):
                got.append(number)

    threads = [threading.Thread(target=ask, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == list(range(40))


def test_whoever_leaves_gives_everything_up(tmp_path: Path):
    with Claims(tmp_path) as one:
        assert all(one.claim(f"{n:02}key") for n in range(3))
    assert [path for path in (tmp_path / "claims").rglob("*") if path.is_file()] == []


KILLED = """
import os, signal, sys
from pathlib import Path
from stbench.reporting.results.claims import Claims
claims = Claims(Path(sys.argv[1])).__enter__()
assert claims.claim(sys.argv[2])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_runs_claim_is_free_at_once_on_the_same_machine(tmp_path: Path):
    subprocess.run([sys.executable, "-c", KILLED, tmp_path, KEY], check=False)
    with Claims(tmp_path) as other:
        assert other.claim(KEY)


def _held_elsewhere(out: Path) -> Path:
    """The heartbeat of a run on another machine that holds a claim."""
    one = Claims(out)
    one._write_beat(0)
    assert one.claim(KEY)
    beat = one._beat_file(one.name)
    write_json(beat, {**read_json_or_none(beat), "machine": "another"})
    return beat


def test_another_machines_claim_is_stale_once_its_heart_has_stood_still_on_our_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    now = [1000.0]
    monkeypatch.setattr(claims.time, "monotonic", lambda: now[0])
    beat = _held_elsewhere(tmp_path)
    watcher = Claims(tmp_path)
    os.utime(beat, (0, 0))  # its clock is of no importance
    assert not watcher.claim(KEY)
    now[0] += claims.STALE_SECONDS - 1
    assert not watcher.claim(KEY)
    write_json(beat, {**read_json_or_none(beat), "beat": 1})
    now[0] += 5
    assert not watcher.claim(KEY), "it beats"
    now[0] += claims.STALE_SECONDS + 1
    assert watcher.claim(KEY)


@pytest.mark.parametrize("words", ["", "nobody", "\x00\xff"])
def test_a_claim_of_which_nobody_knows_the_owner_becomes_stale(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    now = [1000.0]
    monkeypatch.setattr(claims.time, "monotonic", lambda: now[0])
    (tmp_path / "claims").mkdir(parents=True)
    (tmp_path / "claims" / KEY).write_bytes(words.encode("latin-1"))
    watcher = Claims(tmp_path)
    assert not watcher.claim(KEY)
    now[0] += claims.STALE_SECONDS + 1
    assert watcher.claim(KEY)


def test_where_nothing_can_be_claimed_the_work_is_done_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def refused(*_: object) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(claims.os, "open", refused)
    assert Claims(tmp_path).claim(KEY)
