"""The providers themselves still list what the datasets ask for; nothing is downloaded. Needs the internet."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from stbench.fetching import hest_files, plan_fetch

pytestmark = pytest.mark.network


@pytest.mark.parametrize(("dataset", "n_files"), [("alex", 3), ("cscc", 36), ("visium_bc", 9)])
def test_every_file_is_at_its_address(dataset: str, n_files: int, tmp_path: Path):
    files = importlib.import_module(f"stbench.datasets.{dataset}.remote").remote_files()
    plan = plan_fetch(files, tmp_path)
    assert len(plan.missing) == n_files
    assert all(file.size for file in plan.missing)


def test_hest_lists_its_slides(tmp_path: Path):
    files = hest_files(["NCBI681", "NCBI569", "TENX116"], tmp_path)
    assert len(files) == 12
    assert all(file.size for file in files)
