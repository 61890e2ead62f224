"""What several tests share: where the real slides lie, caches, and a quick command line."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from plugins.command import seek_from_few_starts
from plugins.joining import plugged

# A machine that does other work too is slow at times; what a property takes is no part of it.
settings.register_profile("stbench", deadline=None)
settings.load_profile("stbench")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
FIXTURE_METHODS = Path(__file__).resolve().parent / "plugins" / "methods"


@pytest.fixture(scope="session", autouse=True)
def disk_is_not_waited_for() -> Iterator[None]:
    """Files are whole without it for whoever reads them, also after kill -9; only a power failure needs the disk."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with the real HER2+ slides and gene lists, beside the checkout."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the real slides are not at {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder that only this test uses."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("STBENCH_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def cache_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder of this session, one for all of its workers."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "shared-cache"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def shared_cache(cache_of_the_session: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One cache folder for all tests that ask for it, so that demo-tiny is made and embedded once."""
    monkeypatch.setenv("STBENCH_CACHE", str(cache_of_the_session))
    return cache_of_the_session


@pytest.fixture
def plug_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    """A function that lets the methods of a folder join those of the checkout until the test ends."""
    with plugged(monkeypatch) as add:
        yield add


@pytest.fixture
def fixture_methods(plug_in: Callable[[Path], None]) -> Path:
    """The methods below tests/plugins/methods are plugins, in this process and in those that it starts."""
    plug_in(FIXTURE_METHODS)
    return FIXTURE_METHODS


@pytest.fixture(scope="module")
def few_starts() -> Iterator[None]:
    """Clusters are sought from few starts, in this process; that there are ten is test_clustering.py's matter."""
    with pytest.MonkeyPatch.context() as patched:
        seek_from_few_starts(patched)
        yield


@pytest.fixture
def quick(shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs in this process are quick.

    The shared cache, `mean` the only floor that joins, few starts of each clustering, nothing logged to MLflow.
    """
    from stbench import registry
    from stbench.reporting.mlflow.tracking import MlflowTracker

    seek_from_few_starts(monkeypatch)
    monkeypatch.setattr(registry, "floor_methods", lambda: ["mean"])
    monkeypatch.setattr(MlflowTracker, "log", lambda *_: None)
