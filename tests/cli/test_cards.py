"""One card as a person reads it at 80 columns, and the lists whose names are typed."""

from __future__ import annotations

import inspect
import io

import pytest
from plugins.command import stbench
from rich.console import Console

from stbench import registry
from stbench.cli import consoles
from stbench.cli.method_card import method_table
from stbench.commands import listing
from stbench.commands.default_settings import default_settings


def shown(name: str) -> str:
    console = Console(file=io.StringIO(), width=80)
    console.print(method_table(listing.card("method", name, every_field=False)))
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["ridge", "depth-smooth", "knn", "mean"])
def test_default_settings_read_from_the_source_are_those_of_the_signature(name: str):
    own = inspect.signature(registry.load_method(name)).parameters.values()
    expected = {p.name: repr(p.default) for p in own if p.default is not p.empty}
    assert default_settings(registry.find("method", name).folder) == expected


def test_a_card_says_settings_cost_and_how_to_ablate():
    card = shown("spahgc")
    assert max(map(len, card.splitlines())) <= 80
    words = " ".join(card.split())
    for fact in (
        "epochs=200",
        "learning_rate=0.0001",
        "s an epoch of",
        "parameters",
        "https://arxiv.org/abs/2603.22821",
    ):
        assert fact in words
    assert any("stbench ablate spahgc" in line for line in card.splitlines())
    assert "not measured: stbench time" not in words


def test_the_document_has_settings_and_cost():
    card = listing.card("method", "ridge", every_field=True)
    assert card["settings"] == {"components": "64", "penalty": "100.0", "neighbours": "0"}
    assert card["cost"]["seconds_per_fit"] > 0


def test_no_word_of_a_list_of_datasets_is_broken_at_80_columns(monkeypatch: pytest.MonkeyPatch):
    screen = Console(file=io.StringIO(), width=80)
    monkeypatch.setattr(consoles, "output", lambda: screen)
    assert stbench("datasets").status == 0
    words = screen.file.getvalue().split()  # type: ignore[attr-defined]
    assert set(registry.dataset_card("hest-pancreas-visium").title.split()) <= set(words)


def test_no_repository_in_the_list_of_encoders_is_broken_at_80_columns(monkeypatch: pytest.MonkeyPatch):
    screen = Console(file=io.StringIO(), width=80)
    monkeypatch.setattr(consoles, "output", lambda: screen)
    assert stbench("encoders").status == 0
    shown = screen.file.getvalue()  # type: ignore[attr-defined]
    assert "prov-gigapath/prov-gigapath" in shown.split() and max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize(
    ("name", "typed"), [("her2", "fetch her2"), ("demo", "check demo"), ("path", "check path:DIR")]
)
def test_a_card_of_a_dataset_ends_with_what_to_type_next(name: str, typed: str):
    last = stbench("datasets", name).out.splitlines()[-1]
    assert last.startswith("more") and f"stbench datasets {typed}" in last
