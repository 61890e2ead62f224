"""Servers of this machine that stand in for providers, and no pauses between attempts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fetching.provider_server import Provider


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A provider that serves nothing yet."""
    server = Provider()
    yield server
    server.close()


@pytest.fixture
def other_provider() -> Iterator[Provider]:
    """Another host, to which the first may redirect."""
    server = Provider()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def _quick_and_alone(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses, no proxy, no token of this machine's."""
    monkeypatch.setattr("stbench.fetching.transfer.PAUSE_SECONDS", 0.0)
    monkeypatch.setattr("stbench.fetching.web.BACKOFF_SECONDS", 0.0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for variable in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_ENDPOINT", "HF_OIDC_RESOURCE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no-token"))
