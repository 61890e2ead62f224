"""Cached arrays are made once, whole or not at all, whoever else is at work and whoever dies."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from stbench.errors import StorageError, UnknownName
from stbench.files import read_json_or_none
from stbench.preprocess.cache import array_hash, array_path, cache_rooms, cached_array, clear_cache

SPAWN = multiprocessing.get_context("spawn")
IDENTITY = {"image": "abc", "edge": 3}
CONTENT = np.arange(200_000, dtype=np.float32).reshape(-1, 4)


def _make(log: Path, path: Path) -> None:
    with log.open("a") as file:
        file.write("made\n")
    time.sleep(0.5)
    np.save(path, CONTENT)


def _make_and_die(path: Path) -> None:
    path.write_bytes(b"\x93NUMPY half of an array")
    os.kill(os.getpid(), signal.SIGKILL)


def _ask(root: str, log: Path, whole: multiprocessing.queues.Queue) -> None:
    os.environ["STBENCH_CACHE"] = root
    whole.put(bool(np.array_equal(cached_array("patches", IDENTITY, partial(_make, log)), CONTENT)))


def _ask_and_die(root: str) -> None:
    os.environ["STBENCH_CACHE"] = root
    cached_array("patches", IDENTITY, _make_and_die)


def test_an_array_is_made_once_and_mapped_read_only(cache, tmp_path):
    log = tmp_path / "log"
    for _ in range(2):
        array = cached_array("patches", IDENTITY, partial(_make, log))
        np.testing.assert_array_equal(array, CONTENT)
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1
    assert log.read_text() == "made\n"
    assert read_json_or_none(array_path("patches", IDENTITY).with_suffix(".json")) == IDENTITY


def test_two_processes_that_ask_at_once_both_get_it_whole(cache, tmp_path):
    whole, log = SPAWN.Queue(), tmp_path / "log"
    askers = [SPAWN.Process(target=_ask, args=(str(cache), log, whole)) for _ in range(2)]
    for asker in askers:
        asker.start()
    assert [whole.get(timeout=60), whole.get(timeout=60)] == [True, True]
    for asker in askers:
        asker.join()
    assert log.read_text() == "made\n"


def test_a_killed_maker_leaves_nothing_broken_and_nothing_behind(cache, tmp_path):
    maker = SPAWN.Process(target=_ask_and_die, args=(str(cache),))
    maker.start()
    maker.join()
    assert maker.exitcode == -signal.SIGKILL
    path = array_path("patches", IDENTITY)
    assert not path.exists()
    np.testing.assert_array_equal(
        cached_array("patches", IDENTITY, partial(_make, tmp_path / "log")), CONTENT
    )
    assert [p.name for p in path.parent.glob(".*")] == []


def test_a_maker_that_fails_leaves_nothing(cache):
    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        cached_array("patches", IDENTITY, fail)
    assert list((cache / "patches").glob("*.npy")) == []
    assert not [p for p in (cache / "patches").glob(".*") if not p.name.endswith(".lock")]


def test_identities_tell_arrays_and_kinds_apart(cache):
    paths = {array_path("patches", IDENTITY), array_path("embeddings", IDENTITY)}
    paths |= {
        array_path("patches", IDENTITY | change) for change in ({"edge": 4}, {"image": "abd"}, {"new": 1})
    }
    assert len(paths) == 5
    assert array_path("patches", dict(reversed(IDENTITY.items()))) in paths


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def one_bit_turned(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-7] ^= 4
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [cut_off, emptied, one_bit_turned])
def test_a_damaged_array_is_made_again_with_a_warning(cache, tmp_path, damage):
    log = tmp_path / "log"
    cached_array("patches", IDENTITY, partial(_make, log))
    path = array_path("patches", IDENTITY)
    damage(path)
    with pytest.warns(UserWarning, match=f"{path} is damaged; it is made again"):
        array = cached_array("patches", IDENTITY, partial(_make, log))
    np.testing.assert_array_equal(array, CONTENT)
    cached_array("patches", IDENTITY, partial(_make, log))
    assert log.read_text() == "made\n" * 2


def test_a_process_that_never_saw_the_array_notices_the_damage(cache, tmp_path):
    whole, log = SPAWN.Queue(), tmp_path / "log"
    cached_array("patches", IDENTITY, partial(_make, log))
    one_bit_turned(array_path("patches", IDENTITY))
    asker = SPAWN.Process(target=_ask, args=(str(cache), log, whole))
    asker.start()
    assert whole.get(timeout=60)
    asker.join()
    assert log.read_text() == "made\n" * 2


def test_an_array_of_a_version_without_checksums_is_used_and_guarded_from_then_on(cache, tmp_path):
    log, path = tmp_path / "log", array_path("patches", IDENTITY)
    path.parent.mkdir(parents=True)
    np.save(path, CONTENT)
    np.testing.assert_array_equal(cached_array("patches", IDENTITY, partial(_make, log)), CONTENT)
    assert not log.exists()
    one_bit_turned(path)
    with pytest.warns(UserWarning, match="made again"):
        array = cached_array("patches", IDENTITY, partial(_make, log))
    np.testing.assert_array_equal(array, CONTENT)


def test_what_is_made_of_a_cut_off_file_is_a_sentence_and_no_end_of_input(cache):
    def fail(path: Path) -> None:
        raise EOFError("No data left in file")

    with pytest.raises(StorageError, match=r"cannot be made.*cut off"):
        cached_array("patches", IDENTITY, fail)


def test_array_hashes_follow_values_shape_and_type_not_memory_layout():
    array = np.arange(6, dtype=np.int64).reshape(2, 3)
    assert array_hash(array) == array_hash(np.asfortranarray(array)) == array_hash(array.copy())
    others = (array.reshape(3, 2), array.astype(np.int32), array + 1, array.T)
    assert len({array_hash(other) for other in (array, *others)}) == 5


def test_rooms_and_clearing_know_the_products_of_stbench_only(cache, tmp_path):
    cached_array("patches", IDENTITY, partial(_make, tmp_path / "log"))
    (cache / "my-photographs").mkdir()
    (cache / "my-photographs" / "one.jpg").write_bytes(b"1")
    (room,) = cache_rooms()
    size = sum(p.stat().st_size for p in (cache / "patches").iterdir())
    assert (room.kind, room.megabytes) == ("patches", pytest.approx(size / 1e6))
    clear_cache(("patches", "embeddings"))
    assert cache_rooms() == []
    with pytest.raises(UnknownName, match="my-photographs"):
        clear_cache(("my-photographs",))
    assert (cache / "my-photographs" / "one.jpg").exists()
