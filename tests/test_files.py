"""Files appear whole or not at all, locks end with their process, hashes follow content."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from stbench import files
from stbench.errors import StorageError
from stbench.files import (
    hash_file,
    hash_files,
    hash_tree,
    hash_value,
    locked,
    make_folder,
    read_json_or_none,
    replacing,
    write_json,
    write_text,
)

SPAWN = multiprocessing.get_context("spawn")


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_on_the_disk_before_it_takes_its_name(tmp_path, monkeypatch):
    """What a power failure would need; other tests do not wait for the disk, and would not miss it."""
    seen = []

    def fsync(descriptor: int) -> None:
        seen.append((os.fstat(descriptor).st_size, (tmp_path / "note.txt").exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    write_text(tmp_path / "note.txt", "twelve bytes")
    assert seen == [(12, False)]


def test_a_file_appears_whole_under_a_normal_name_with_normal_permissions(tmp_path):
    target, plain = tmp_path / "deep" / "x.npz", tmp_path / "plain"
    with replacing(target) as temporary:
        assert temporary.parent == target.parent and temporary.name.startswith(".")
        assert temporary.suffix == ".npz"  # libraries choose the format by it
        temporary.write_bytes(b"whole")
        assert not target.exists()
    plain.touch()
    assert target.read_bytes() == b"whole"
    assert target.stat().st_mode == plain.stat().st_mode
    assert names_in(target.parent) == ["x.npz"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "x.txt"
    write_text(target, "old")
    with pytest.raises(RuntimeError), replacing(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert names_in(tmp_path) == ["x.txt"]


def _die_while_writing(path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_writer_leaves_the_old_file(tmp_path):
    target = tmp_path / "x.json"
    write_json(target, {"a": 1})
    process = SPAWN.Process(target=_die_while_writing, args=(target,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert read_json_or_none(target) == {"a": 1}
    assert [name for name in names_in(tmp_path) if not name.startswith(".")] == ["x.json"]


def test_writers_at_the_same_time_leave_one_whole_file(tmp_path):
    target = tmp_path / "x.txt"
    texts = [letter * 100_000 for letter in "abcdef"]
    threads = [threading.Thread(target=write_text, args=(target, text)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.read_text() in texts
    assert names_in(tmp_path) == ["x.txt"]


def test_a_reader_never_sees_half_a_file(tmp_path):
    target, seen, done = tmp_path / "x.txt", set(), threading.Event()
    texts = [letter * 2_000_000 for letter in "ab"]
    write_text(target, texts[0])

    def read() -> None:
        while not done.is_set():
            seen.add(target.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    for i in range(20):
        write_text(target, texts[i % 2])
    done.set()
    reader.join()
    assert seen and seen <= set(texts)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    occupied = tmp_path / "file"
    occupied.write_text("")
    for attempt in (lambda: write_text(occupied / "x", ""), lambda: make_folder(occupied / "x")):
        with pytest.raises(StorageError, match=r"Cannot write .*file.*writable"):
            attempt()
    with pytest.raises(StorageError, match="Cannot write"), locked(occupied / "x"):
        pass


def test_a_file_that_was_to_be_copied_and_is_not_there_is_the_one_that_is_named(tmp_path):
    with pytest.raises(StorageError, match="elsewhere"), replacing(tmp_path / "x") as temporary:
        temporary.write_bytes((tmp_path / "elsewhere" / "y").read_bytes())


def test_what_json_cannot_say_is_refused_and_nothing_is_left(tmp_path):
    with pytest.raises(ValueError):
        write_json(tmp_path / "x.json", {"a": float("nan")})
    assert names_in(tmp_path) == []
    assert read_json_or_none(tmp_path / "x.json") is None
    (tmp_path / "x.json").write_text("{half")
    assert read_json_or_none(tmp_path / "x.json") is None


def _hold(path: Path, held: multiprocessing.synchronize.Event) -> None:
    with locked(path):
        held.set()
        time.sleep(60)


def test_a_lock_excludes_others_and_ends_with_its_process(tmp_path):
    held = SPAWN.Event()
    process = SPAWN.Process(target=_hold, args=(tmp_path / "x", held))
    process.start()
    assert held.wait(30)
    entered = threading.Event()

    def enter() -> None:
        with locked(tmp_path / "x"):
            entered.set()

    thread = threading.Thread(target=enter)
    thread.start()
    assert not entered.wait(0.3)
    process.kill()
    process.join()
    assert entered.wait(10)
    thread.join()


def test_hashes_of_values_do_not_depend_on_the_order_of_keys():
    assert hash_value({"a": 1, "b": [1.5, None]}) == hash_value({"b": [1.5, None], "a": 1})
    assert hash_value({"a": 1}) != hash_value({"a": 2})
    assert len(hash_value(0)) == 16
    with pytest.raises(ValueError):
        hash_value(float("nan"))


def test_a_files_hash_is_its_sha256_and_is_remembered(tmp_path, cache, monkeypatch):
    path = tmp_path / "x"
    path.write_bytes(b"content")
    monkeypatch.setattr(files, "_CLOCK_TICK_NS", -1)
    expected = hashlib.sha256(b"content").hexdigest()
    assert hash_file(path) == expected
    monkeypatch.setattr(hashlib, "file_digest", None)  # reading again would fail
    assert hash_file(path) == expected


def test_a_file_changed_at_once_or_with_its_old_time_gets_a_new_hash(tmp_path, cache, monkeypatch):
    path = tmp_path / "x"
    path.write_bytes(b"one")
    first = hash_file(path)
    path.write_bytes(b"two")
    assert hash_file(path) != first
    monkeypatch.setattr(files, "_CLOCK_TICK_NS", -1)
    second, stamp = hash_file(path), path.stat()
    time.sleep(0.02)
    path.write_bytes(b"six")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert hash_file(path) not in (first, second)


def test_several_files_are_told_apart_by_name_and_content(tmp_path, cache):
    one, two = tmp_path / "1", tmp_path / "2"
    one.write_text("a")
    two.write_text("b")
    assert hash_files({"x": one, "y": two}) == hash_files({"y": two, "x": one})
    assert hash_files({"x": one, "y": two}) != hash_files({"x": two, "y": one})


def test_a_file_that_cannot_be_read_is_named(tmp_path, cache):
    for path in (tmp_path / "absent.jpg", tmp_path):
        with pytest.raises(StorageError, match=f"{path.name} cannot be read"):
            hash_file(path)


def test_the_hash_of_a_source_folder_follows_names_and_bytes_of_source_files(tmp_path):
    folder = tmp_path / "plugin"
    write_text(folder / "method.py", "a = 1")
    write_text(folder / "card.yaml", "title: x")
    first = hash_tree(folder)
    write_text(folder / "README.md", "words")
    write_text(folder / "__pycache__" / "method.pyc", "bytes")
    assert hash_tree(folder) == first
    write_text(folder / "method.py", "a = 2")
    second = hash_tree(folder)
    (folder / "method.py").rename(folder / "network.py")
    assert len({first, second, hash_tree(folder)}) == 3
    assert hash_tree(folder / "card.yaml") != hash_tree(folder / "network.py")
    before = hash_tree(folder)
    assert hash_tree(folder.rename(tmp_path / "elsewhere")) == before
