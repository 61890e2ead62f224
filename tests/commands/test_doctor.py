"""What `stbench doctor` shows of a machine, and what it keeps to itself."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

import pytest
from plugins.command import stbench

from stbench.commands.doctor import _datasets, device_finding
from stbench.evaluation.devices import Card, Machine


def test_nothing_secret_of_an_address_is_shown(cache, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://anna:geheim@tracking.example/mlflow?token=geheim")
    for name in ("HTTPS_PROXY", "HF_ENDPOINT", "PIP_INDEX_URL"):
        monkeypatch.setenv(name, "http://anna:geheim@mirror.example/?token=geheim")
    for shown in (stbench("doctor"), stbench("doctor", "--json")):
        assert "logs to https://tracking.example/mlflow" in " ".join(shown.out.split())
        assert "geheim" not in shown.out + shown.err and "anna" not in shown.out + shown.err


CARD = Card("cuda:0", "NVIDIA H100", 80_000.0)


@pytest.mark.parametrize(
    ("machine", "driver", "status", "words"),
    [
        (Machine((CARD, CARD._replace(name="cuda:1"))), True, "PASS", "cuda:1 (NVIDIA H100, 80 GB)"),
        (Machine(mps=True), True, "PASS", "mps"),
        (Machine(), False, "WARN", "no GPU"),
        pytest.param(
            Machine(),
            True,
            "WARN",
            "torch sees no GPU",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="a driver is looked for on Linux"),
        ),
    ],
)
def test_the_device_is_named_or_what_is_missing(machine: Machine, driver: bool, status: str, words: str):
    found = device_finding(machine, driver)
    assert (found.status, words in found.found) == (status, True), found
    assert bool(found.fix) == (status == "WARN")


def test_who_lacks_a_data_set_is_told_whether_it_is_downloaded_or_fetched_by_hand(tmp_path: Path):
    fixes = {finding.subject: finding.fix for finding in _datasets(tmp_path)}
    assert fixes["dataset alex"] == "stbench datasets fetch alex"
    assert "shows what to fetch by hand and where to put it" in fixes["dataset her2"]


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


def test_a_broken_encoder_is_named(cache, tmp_path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "encoder.py").touch()
    monkeypatch.setenv("STBENCH_ENCODERS", str(tmp_path))
    findings = stbench("doctor", "--json").document["findings"]
    (found,) = [line for line in findings if line["subject"] == "encoder own"]
    assert found["status"] == "FAIL" and "card.yaml" in found["found"]
    gated = next(line["subject"] for line in findings if line["subject"].startswith("gated encoders"))
    assert "uni2-h" in gated and "resnet18" not in gated


def test_a_data_root_that_is_none_is_not_taken_for_data_that_are_missing(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    for root, said in (("mistyped", "is not a folder"), ("empty", "Dataset her2 is not at")):
        (found,) = [one for one in _datasets(tmp_path / root) if one.subject == "dataset her2"]
        assert found.status == "WARN" and said in found.found and "looked at" not in found.found
