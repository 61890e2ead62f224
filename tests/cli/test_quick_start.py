"""Commands that compute nothing answer at once: they load neither torch nor MLflow."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from plugins import slides
from plugins.command import NO_SERVER, stbench

import stbench as package

CHECKOUT = Path(__file__).parents[2]
HEAVY = ("torch", "mlflow", "scanpy", "sklearn", "pandas")
# Runs a command and then names the heavy modules that it has loaded.
WATCHED = f"""
import atexit, sys
atexit.register(lambda: print("loaded:", *[m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr))
from stbench.cli import main
main()
"""


def watched(*arguments: object) -> tuple[int, set[str], float]:
    """Exit status, heavy modules loaded, and seconds of work, whatever else the machine is at."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run(
        [sys.executable, "-c", WATCHED, *map(str, arguments)],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(CHECKOUT)}, check=False,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return run.returncode, set(run.stderr.strip().splitlines()[-1].removeprefix("loaded:").split()), seconds


@pytest.mark.parametrize(
    "command", [("--help",), ("methods",), ("run", "--help"), ("methods", "x"), ("encoders",)]
)
def test_answers_at_once(command: tuple, shared_cache: Path):
    watched(*command)  # byte code is written, files are in memory
    status, loaded, seconds = watched(*command)
    assert status == (2 if "x" in command else 0)
    assert loaded == set()
    assert seconds < 1.5


def test_importing_the_package_is_light():
    code = (
        "import sys, stbench; print(*[m for m in ('torch', 'mlflow', 'scanpy', 'numpy') if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=CHECKOUT
    )
    assert run.stdout.split() == []


def test_a_finished_run_is_shown_without_work(tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch):
    root = slides.write_slides(tmp_path / "data", ("A1", "B1", "C1"))
    where = ("--dataset", "her2", "--data-root", root, "--out", tmp_path / "out", "--inner", "none")
    command = ("run", "--method", "mean", *where, "--threads", 1)
    monkeypatch.setattr("stbench.registry.floor_methods", lambda: ["mean"])
    assert stbench(*command).status == 0
    memory = tmp_path / "out" / "mlflow-logged.json"
    _pretend_logged(memory, tmp_path / "out")
    (tmp_path / "out" / "mlflow.db").touch()  # without its database a memory counts for nothing
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*") if path.is_file()}
    monkeypatch.setattr(sys.modules[__name__], "WATCHED", _only_mean(WATCHED))
    status, loaded, seconds = watched(*command)
    assert status == 0
    assert loaded & {"torch", "mlflow", "scanpy"} == set()
    assert seconds < 5
    assert before == {
        path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*") if path.is_file()
    }


def _only_mean(program: str) -> str:
    return program.replace(
        "from stbench.cli",
        "from stbench import registry\nregistry.floor_methods = lambda: ['mean']\nfrom stbench.cli",
    )


def _pretend_logged(file: Path, out: Path) -> None:
    """MLflow knows all records, as after a run that logged them."""
    from stbench.reporting.mlflow.logged import LoggedRecords
    from stbench.reporting.results.store import RunStore

    LoggedRecords(file, "local").remember((record, "run") for record in RunStore(out).records()[0])


def test_the_public_names():
    assert sorted(package.__all__) == [
        "Dataset", "FitContext", "FitReport", "Method", "ParameterCount", "QuerySlide", "Record", "Slide",
        "SlideSource", "StbenchError", "TrainingSlide", "leaderboard", "load",
        "run",
    ]  # fmt: skip
    assert all(getattr(package, name) is not None for name in package.__all__)
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError):
        _ = package.nothing_of_this_name


def test_nobody_reads_on(tmp_path: Path, shared_cache: Path):
    """`stbench methods --json | head -1` ends without a traceback."""
    command = f"{sys.executable} -m stbench methods --json | head -1"
    run = subprocess.run(
        command,
        shell=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        check=True,
    )
    assert run.stdout == "{\n"
    assert run.stderr == ""


def test_tracebacks_only_with_debug(tmp_path: Path, shared_cache: Path):
    command = [sys.executable, "-m", "stbench", "methods", "rigde"]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "MLFLOW_TRACKING_URI": NO_SERVER}
    plain = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert plain.returncode == 2
    assert plain.stderr.splitlines() == ["stbench: There is no method named 'rigde'. Did you mean ridge?"]
    debug = subprocess.run(
        [*command, "--debug"], capture_output=True, text=True, env=environment, check=False
    )
    assert "Traceback" in debug.stderr


def test_a_bug_is_one_sentence_too(monkeypatch: pytest.MonkeyPatch):
    def broken(kind: str) -> None:
        raise KeyError("an [odd] thing")

    monkeypatch.setattr("stbench.registry.plugins", broken)
    result = stbench("methods")
    assert (result.status, result.out) == (1, "")
    assert result.err == "stbench: this is a bug: KeyError: 'an [odd] thing'. --debug shows where.\n"
