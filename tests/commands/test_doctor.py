"""What `stbench doctor` shows of a machine, and what it keeps to itself."""

from __future__ import annotations

import pytest
from plugins.command import stbench


def test_nothing_secret_of_an_address_is_shown(cache, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://anna:geheim@tracking.example/mlflow?token=geheim")
    for name in ("HTTPS_PROXY", "HF_ENDPOINT", "PIP_INDEX_URL"):
        monkeypatch.setenv(name, "http://anna:geheim@mirror.example/?token=geheim")
    for shown in (stbench("doctor"), stbench("doctor", "--json")):
        assert "tells https://tracking.example/mlflow" in " ".join(shown.out.split())
        assert "geheim" not in shown.out + shown.err and "anna" not in shown.out + shown.err
