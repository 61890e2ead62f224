"""What removing a trial's folder may touch: the folder, and nothing beside or above it."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from stbench.evaluation.trials.launcher import remove_all


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder that everybody may use, as /tmp is."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


def test_a_closed_folder_is_opened_and_removed(shared: Path):
    workplace = shared / "stb-1"
    (workplace / "closed/inner").mkdir(parents=True)
    (workplace / "closed/inner/file").write_text("x")
    (workplace / "closed/inner").chmod(0)
    (workplace / "closed").chmod(0)
    remove_all(workplace)
    assert not workplace.exists()
    assert mode(shared) == 0o1777


def test_where_the_folder_itself_stays_its_parent_keeps_its_permissions(
    shared: Path, monkeypatch: pytest.MonkeyPatch
):
    workplace = shared / "stb-1"
    workplace.mkdir()

    def busy(path: object, **words: object) -> None:
        raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), str(path))

    monkeypatch.setattr(os, "rmdir", busy)  # as where a process still writes into it
    remove_all(workplace)
    assert workplace.exists()
    assert mode(shared) == 0o1777


def test_what_a_link_points_to_is_left(shared: Path, tmp_path: Path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    elsewhere.chmod(0o500)
    workplace = shared / "stb-1"
    workplace.mkdir()
    (workplace / "link").symlink_to(elsewhere)
    remove_all(workplace)
    assert not workplace.exists()
    assert mode(elsewhere) == 0o500
