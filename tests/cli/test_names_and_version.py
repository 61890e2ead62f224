"""What a person types without having read anything: titles, any case, all methods, the version."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest
from plugins.command import stbench

from stbench import registry
from stbench.commands.asked import Asked


def test_the_version_is_the_installed_one():
    result = stbench("--version")
    assert (result.status, result.out) == (0, f"stbench {importlib.metadata.version('stbench')}\n")


def test_names_are_taken_in_any_case_and_as_titles():
    asked = Asked.of(methods=["SpaHGC", "st-net", "RIDGE", "spahgc"], dataset="HER2")
    assert (asked.methods, asked.dataset) == (("spahgc", "stnet", "ridge"), "her2")
    assert Asked.of(methods=["ridge"], dataset="path:Some/Folder").dataset == "path:Some/Folder"


def test_all_is_every_method_that_is_no_floor():
    asked = Asked.of(methods=["all"], dataset="her2")
    assert set(asked.methods) == set(registry.plugins("method")) - set(registry.floor_methods())


@pytest.mark.parametrize("name", ["her2", "HER2"])
def test_a_datasets_card_is_shown_by_its_name(name: str):
    assert (
        stbench("datasets", name, "--json").document == stbench("datasets", "show", "her2", "--json").document
    )


def test_a_dataset_that_there_is_not():
    result = stbench("datasets", "her3")
    assert (result.status, result.out) == (2, "") and "Did you mean her2" in result.err


def test_no_epochs_are_refused_and_nothing_is_written(tmp_path: Path):
    out = tmp_path / "out"
    result = stbench("run", "--method", "ridge", "--dataset", "demo-tiny", "--epochs", 0, "--out", out)
    assert result.status == 2 and "1 or more" in result.err and not out.exists()


def test_a_gpu_is_not_taken_for_a_cpu(tmp_path: Path):
    result = stbench(
        "run", "--method", "ridge", "--dataset", "demo-tiny", "--device", "gpu", "--out", tmp_path
    )
    assert result.status == 2 and "cuda" in result.err and "Did you mean" not in result.err


def test_a_mistyped_command_is_a_sentence():
    result = stbench("leaderbord")
    assert result.status == 2 and "?." not in result.err and "leaderboard" in result.err


def test_help_begins_with_what_a_first_day_needs():
    words = stbench("--help").out
    headings = [words.index(title) for title in ("Run a benchmark", "Look at results", "Your own slides")]
    assert headings == sorted(headings) and "stbench run --method spahgc --dataset demo" in words
    options = stbench("run", "--help").out
    first = [options.index(name) for name in ("--method", "--dataset", "How it is measured", "--min-counts")]
    assert first == sorted(first)
