"""Inner trials on disk: whole or not at all, told by their names, one sentence for what is damaged."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from stbench.errors import StorageError
from stbench.evaluation.curves import Curves
from stbench.reporting.results.trial_store import TrialStore

CURVES = Curves(
    "ab01",
    {"method": "knn"},
    (1, 4),
    ({"A1": {"pcc": (0.25, None)}},),
    {"seconds": 1.5, "peak_memory_mb": None},
    sealed="fully",
)


def saved(out: Path, curves: Curves = CURVES) -> TrialStore:
    store = TrialStore(out)
    store.save(curves.key, curves.finished, curves.to_plain())
    return store


def file_of(out: Path, key: str = "ab01") -> Path:
    return out / "trials" / key[:2] / f"{key}.json"


def test_what_is_stored_comes_back(tmp_path: Path):
    store = saved(tmp_path)
    assert store.has("ab01") and not store.has("ab02")
    assert vars(Curves.from_plain(store.load("ab01"))) == vars(CURVES)
    assert store.names() == ({"ab01"}, set())


def test_a_failed_trial_is_told_by_its_name_and_forgotten_once_it_is_finished(tmp_path: Path):
    store = saved(tmp_path, Curves("ab01", {}, failure="no luck"))
    assert not store.has("ab01")
    assert store.names() == (set(), {"ab01"})
    assert store.failed(["ab01", "ab02"])["ab01"]["failure"] == "no luck"
    saved(tmp_path)
    assert store.names() == ({"ab01"}, set())
    assert store.failed(["ab01"]) == {}


def test_an_empty_folder_holds_no_trials_and_temporary_files_are_none(tmp_path: Path):
    store = TrialStore(tmp_path)
    assert store.names() == (set(), set())
    file_of(tmp_path).parent.mkdir(parents=True)
    (file_of(tmp_path).parent / ".ab01.json.1234.json").write_text("{")
    assert store.names() == (set(), set())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cut short or no JSON"),
        ('{"format":1,"tri', "cut short or no JSON"),
        ("\x00", "cut short or no JSON"),
        ("[" * 100_000, "cut short or no JSON"),
        ("[]", "no trial of format 1"),
        ('{"format":2,"trial":{"key":"ab01"}}', "no trial of format 1"),
        ('{"format":1,"trial":{"key":"cd02"}}', "holds the trial cd02"),
        ('{"format":1,"trial":{}}', "holds the trial None"),
    ],
)
def test_a_damaged_file_is_one_sentence_that_names_it(text: str, words: str, tmp_path: Path):
    store = saved(tmp_path)
    file_of(tmp_path).write_text(text)
    with pytest.raises(StorageError) as caught:
        store.load("ab01")
    assert words in str(caught.value) and str(file_of(tmp_path)) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_are_damage_too(tmp_path: Path):
    store = saved(tmp_path)
    file_of(tmp_path).write_bytes(b"\xff\xfe\x80")
    with pytest.raises(StorageError, match="cut short or no JSON"):
        store.load("ab01")


def test_a_number_that_json_cannot_say_is_not_written(tmp_path: Path):
    store = TrialStore(tmp_path)
    with pytest.raises(ValueError):
        store.save("ab01", True, {"key": "ab01", "cost": {"seconds": float("nan")}})
    assert store.names() == (set(), set())


FULL = """
import resource, signal, sys
from pathlib import Path
from stbench.errors import StorageError
from stbench.reporting.results.trial_store import TrialStore
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
try:
    TrialStore(Path(sys.argv[1])).save("ab01", True, {"key": "ab01", "trace": "x" * 10_000})
except StorageError as error:
    print(error)
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no limit on files here")
def test_a_full_disk_is_one_sentence_and_leaves_what_was_there(tmp_path: Path):
    store = saved(tmp_path)
    ended = subprocess.run([sys.executable, "-c", FULL, tmp_path], capture_output=True, text=True)
    assert ended.stdout.startswith(f"Cannot write {file_of(tmp_path)}: File too large")
    assert len(ended.stdout.splitlines()) == 1 and ended.stderr == ""
    assert json.loads(file_of(tmp_path).read_text())["trial"] == json.loads(json.dumps(CURVES.to_plain()))
    assert [path.name for path in file_of(tmp_path).parent.iterdir()] == ["ab01.json"]
    assert store.has("ab01")
