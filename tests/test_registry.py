"""Plugins are found by folder or entry point; a broken one is named and stops nobody else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import stbench.datasets
import stbench.methods
from stbench import registry
from stbench.contract import Dataset, Method
from stbench.errors import PluginError, UnknownName

METHOD = """
from stbench.contract import Method

class Mine(Method):
    def __init__(self, level=1.0):
        self.level = level

    def fit(self, train, queries=(), checkpoints=(), context=None):
        return self.report_without_epochs(queries, context)

    def predict(self, slide):
        return slide.pixel_xy

plugin = Mine
"""
CARD = "title: Mine\nsummary: It is mine.\nfamily: test\n"
DATASET_CARD = """
title: D
summary: S
citation: C
licence: L
platform: ST
n_slides: 2
n_patients: 1
aliases: [my-slides]
"""


@pytest.fixture
def forgetful() -> Iterator[None]:
    """What the registry remembers is forgotten before and after."""

    def forget() -> None:
        registry.plugins.cache_clear()
        registry.read_card.cache_clear()

    forget()
    yield
    forget()
    for name in [n for n in sys.modules if n.startswith(("stbench.methods.x_", "stbench_x_"))]:
        del sys.modules[name]


@pytest.fixture
def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgetful: None) -> Path:
    """A folder whose sub-folders are methods too."""
    monkeypatch.setattr(stbench.methods, "__path__", [*stbench.methods.__path__, str(tmp_path)])
    return tmp_path


def write_plugin(folder: Path, source: str = METHOD, card: str | None = CARD) -> None:
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(source)
    if card is not None:
        (folder / "card.yaml").write_text(card)


def test_a_folder_dropped_behind_the_door_is_a_method(door):
    write_plugin(door / "x_mine")
    assert "x-mine" in registry.plugins("method")
    assert registry.method_card("x-mine").title == "Mine"
    method_class = registry.load_method("x-mine")
    assert issubclass(method_class, Method) and method_class().level == 1.0
    before = registry.source_hash("method", "x-mine")
    (door / "x_mine" / "__init__.py").write_text(METHOD + "\n# edited")
    assert registry.source_hash("method", "x-mine") != before


def test_listing_imports_no_plugin(door):
    write_plugin(door / "x_loud", "raise SystemExit('imported')")
    assert "x-loud" in registry.plugins("method")
    assert registry.method_card("x-loud").title == "Mine"
    assert "x-loud" not in registry.broken_plugins("method")


def test_a_folder_named_by_the_environment_is_searched(tmp_path):
    write_plugin(tmp_path / "x_mine")
    code = "from stbench import registry; print(registry.load_method('x-mine').__module__)"
    environment = {**os.environ, "STBENCH_METHODS": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "stbench.methods.x_mine"


def test_the_checkouts_own_plugins_are_there_and_sound():
    floors = {"mean", "knn", "ridge", "smooth", "depth", "depth-smooth"}
    assert floors == set(registry.floor_methods())
    assert {"her2", "demo", "demo-tiny"} <= set(registry.plugins("dataset"))
    assert list(registry.plugins("method")) == sorted(registry.plugins("method"))
    assert issubclass(registry.load_dataset("demo-tiny"), Dataset)
    assert not {*registry.broken_plugins("method"), *registry.broken_plugins("dataset")}


def test_near_names_are_suggested():
    with pytest.raises(UnknownName, match=r"no method named 'rigde'.*Did you mean ridge"):
        registry.find("method", "rigde")
    with pytest.raises(UnknownName, match="Did you mean depth-smooth"):
        registry.find("method", "depth_smooth")
    with pytest.raises(UnknownName, match=r"There are: .*cscc, demo, demo-tiny, her2, .*path"):
        registry.find("dataset", "qqqqqqqq")


@pytest.mark.parametrize(
    ("card", "words"),
    [
        (CARD + "sumary: mistyped\n", "sumary: Extra inputs are not permitted"),
        ("title: [unclosed\n", "not a valid card"),
        (CARD + "target: minmax\n", "target is called trains_on now; write trains_on: minmax in its place"),
        ("", "not a valid card"),
        (None, "every plugin needs a card.yaml"),
    ],
)
def test_a_broken_card_is_named_and_skipped(door, card, words):
    write_plugin(door / "x_broken", card=card)
    write_plugin(door / "x_floor", card=CARD + "kind: floor\n")
    with pytest.raises(PluginError, match=words) as error:
        registry.method_card("x-broken")
    assert str(door / "x_broken" / "card.yaml") in str(error.value)
    assert set(registry.broken_plugins("method")) == {"x-broken"}
    assert "x-floor" in registry.floor_methods() and "x-broken" not in registry.floor_methods()


def test_a_card_that_is_no_text_is_a_broken_card(door):
    write_plugin(door / "x_broken")
    (door / "x_broken" / "card.yaml").write_bytes(b"title: \xff\xfe")
    with pytest.raises(PluginError, match="not a valid card"):
        registry.method_card("x-broken")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import no_such_package_anywhere", "no_such_package_anywhere"),
        ("def half(:", "SyntaxError"),
        ("", "plugin"),
        ("plugin = 3", "must be a subclass of Method, found 3"),
    ],
)
def test_a_plugin_that_does_not_load_is_named_when_asked_for(door, source, words):
    write_plugin(door / "x_faulty", source)
    with pytest.raises(PluginError, match=words) as error:
        registry.load_method("x-faulty")
    assert "x-faulty" in str(error.value)


def test_a_dataset_answers_to_its_aliases_though_another_one_is_broken(tmp_path, monkeypatch, forgetful):
    monkeypatch.setattr(stbench.datasets, "__path__", [*stbench.datasets.__path__, str(tmp_path)])
    write_plugin(tmp_path / "a_broken", card="titel: x\n")
    write_plugin(tmp_path / "x_slides", card=DATASET_CARD)
    assert registry.find("dataset", "my-slides").name == "x-slides"
    assert registry.dataset_card("my-slides").title == "D"
    with pytest.raises(UnknownName, match="Did you mean her2"):
        registry.find("dataset", "her22")


def test_an_installed_package_joins_through_its_entry_point(tmp_path, monkeypatch, forgetful):
    write_plugin(tmp_path / "stbench_x_mine")
    info = tmp_path / "stbench_x_mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stbench-x-mine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[stbench.methods]\nx_mine = stbench_x_mine\nx-gone = stbench_x_gone\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    plugin = registry.find("method", "x-mine")
    assert (plugin.module, plugin.folder) == ("stbench_x_mine", tmp_path / "stbench_x_mine")
    assert registry.load_method("x-mine").defaults() == {"level": 1.0}
    assert set(registry.broken_plugins("method")) == {"x-gone"}
