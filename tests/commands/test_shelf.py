"""What counts as done on a shared folder: what failed before a run began is tried again, what fails later is not."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from stbench.commands.shelf import Keep, Shared
from stbench.evaluation.curves import Curves
from stbench.reporting.results.claims import Claims
from stbench.reporting.results.trial_store import TrialStore

KEYS = [f"{number:016x}" for number in range(100)]
MANY = pytest.mark.parametrize("asked", [KEYS[:3], KEYS], ids=["one by one", "by a listing"])


def shelf(out: Path, warnings: list[str] | None = None) -> Shared:
    heard = [] if warnings is None else warnings
    return Shared(out, Claims(out), [], Keep(out, {}), heard.append)


def failed(key: str) -> Curves:
    return Curves(key, {}, failure="no luck")


@MANY
def test_what_failed_before_is_tried_again_and_what_fails_meanwhile_is_a_result(
    tmp_path: Path, asked: list[str]
):
    keep = Keep(tmp_path, {})
    keep(failed(KEYS[0]))
    keep(Curves(KEYS[1], {}))
    ours = shelf(tmp_path)
    assert ours.there(asked) == {KEYS[1]}
    time.sleep(0.01)
    keep(failed(KEYS[0]))  # another run tried it too
    keep(failed(KEYS[2]))
    assert ours.there(asked) == {KEYS[0], KEYS[1], KEYS[2]}
    assert isinstance(found := ours.look(KEYS[2]), Curves) and found.failure == "no luck"
    assert shelf(tmp_path).there(asked) == {KEYS[1]}, "the next run tries them again"


@MANY
def test_a_damaged_result_is_named_once_and_is_none_until_somebody_comes_to_it_again(
    tmp_path: Path, asked: list[str]
):
    keep, warnings = Keep(tmp_path, {}), list[str]()
    keep(Curves(KEYS[0], {}))
    ours = shelf(tmp_path, warnings)
    (file,) = TrialStore(tmp_path).folder.rglob("*.json")
    file.write_text("{")
    assert ours.look(KEYS[0]) is None and ours.look(KEYS[0]) is None
    assert len(warnings) == 1 and ours.there(asked) == set()
    keep(Curves(KEYS[0], {}))
    assert ours.there(asked) == {KEYS[0]}
