"""What an installation holds: the package, and every plugin's source and card, from a wheel built here."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", folder, CHECKOUT], check=True)
    (path,) = folder.glob("stbench-*.whl")
    return path


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_every_plugin(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for kind in ("methods", "datasets"):
        folders = [folder for folder in (CHECKOUT / kind).iterdir() if (folder / "card.yaml").is_file()]
        assert len(folders) >= 3
        for folder in folders:
            for path in (*folder.glob("*.py"), folder / "card.yaml"):
                assert f"stbench/{kind}/{folder.name}/{path.name}" in names
    templates = CHECKOUT / "stbench" / "reporting" / "report" / "templates"
    examples = (CHECKOUT / "stbench" / "commands").rglob("*.yaml")  # suites, and files of clusters
    for path in (*(CHECKOUT / "stbench").rglob("*.py"), *templates.rglob("*.*"), *examples):
        assert path.relative_to(CHECKOUT).as_posix() in names
    assert not [
        name for name in names if name.startswith(("methods/", "datasets/", "tests/", "leaderboards/"))
    ]
    assert not [name for name in names if name.endswith("ruff.toml") or "__pycache__" in name]


@pytest.mark.slow
def test_an_installed_wheel_finds_its_plugins_and_runs_one(wheel, tmp_path):
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    code = (
        "import stbench.methods, stbench.registry as r\n"
        "print(stbench.methods.__file__)\n"
        "print(*r.floor_methods(), r.load_method('depth-smooth').defaults()['neighbours'], *r.plugins('dataset'))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(site)}, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    where, found = run.stdout.splitlines()
    assert where.startswith(str(site))
    assert found.startswith("depth depth-smooth knn mean ridge smooth 8 demo demo-tiny")
