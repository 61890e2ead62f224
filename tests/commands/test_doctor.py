"""What `stbench doctor` shows of a machine, and what it keeps to itself."""

from __future__ import annotations

import importlib.metadata

import pytest
from plugins.command import stbench


def test_nothing_secret_of_an_address_is_shown(cache, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://anna:geheim@tracking.example/mlflow?token=geheim")
    for name in ("HTTPS_PROXY", "HF_ENDPOINT", "PIP_INDEX_URL"):
        monkeypatch.setenv(name, "http://anna:geheim@mirror.example/?token=geheim")
    for shown in (stbench("doctor"), stbench("doctor", "--json")):
        assert "logs to https://tracking.example/mlflow" in " ".join(shown.out.split())
        assert "geheim" not in shown.out + shown.err and "anna" not in shown.out + shown.err


def test_a_machine_without_mlflow_is_told_what_it_misses(cache, monkeypatch: pytest.MonkeyPatch):
    there = importlib.metadata.version

    def version(name: str) -> str:
        if name == "mlflow":
            raise importlib.metadata.PackageNotFoundError(name)
        return there(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    shown = stbench("doctor", "--json")
    (found,) = [line for line in shown.document["findings"] if line["subject"] == "mlflow"]
    assert found["status"] == "WARN" and found["fix"] == "pip install mlflow" and shown.err == ""
