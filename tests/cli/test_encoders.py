"""Encoders on the command line: listed, shown, checked, and several of them in one table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from plugins.command import records, stbench

FIXTURES = Path(__file__).parents[1] / "plugins" / "encoders"
METHODS = Path(__file__).parents[2] / "methods"


@pytest.fixture
def fixture_encoders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STBENCH_ENCODERS", str(FIXTURES))


def broken_claims(name: str) -> dict[str, str]:
    result = stbench("check", "--encoder", name, "--json")
    found = {claim["claim"]: claim["problem"] for claim in result.document["claims"] if claim["problem"]}
    assert result.status == (1 if found else 0)
    return found


@pytest.mark.parametrize("name", ["efficientnet_lite0", "tiny-colours", "random-resnet18"])
def test_sound_encoders_keep_every_promise(name: str, fixture_encoders: None, shared_cache: Path):
    assert broken_claims(name) == {}


def test_the_example_of_the_readme_keeps_every_promise(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
):
    _, section = (METHODS / "README.md").read_text().split("## Your own image encoder\n")
    assert len(section.splitlines()) <= 25
    card, source = re.findall(r"```(?:yaml|python)\n(.*?)```", section, re.DOTALL)
    (tmp_path / "mean_colour").mkdir()
    (tmp_path / "mean_colour" / "card.yaml").write_text(card)
    (tmp_path / "mean_colour" / "encoder.py").write_text(source)
    monkeypatch.setenv("STBENCH_ENCODERS", str(tmp_path))
    result = stbench("check", "--encoder", "mean-colour")
    assert result.status == 0, result.out
    assert [line[:5] for line in result.out.splitlines()] == ["PASS "] * 9


_MEANS = "(patches.mean((1, 2)) / 255).astype(np.float32)"
_BATCH_NORM = (
    "import torch; norm = torch.nn.BatchNorm1d(3).train(); "
    f"return norm(torch.from_numpy(np.repeat({_MEANS}, 2, 0)))[::2].detach().numpy()"
)
# What embeds, what is done when it is loaded, and a word of the claim that this breaks.
HOSTILE = {
    "not finite": (f"values = {_MEANS}; values[0, 0] = np.nan; return values", "pass", "finite"),
    "only black is not finite": (f"values = {_MEANS}; return values / values.max(1, keepdims=True)", "pass", "finite"),
    "too narrow": (f"return {_MEANS}[:, :2]", "pass", "one row of 3"),
    "other numbers": (f"return {_MEANS}.astype(np.float64)", "pass", "float32"),
    "batch norm in training": (_BATCH_NORM, "pass", "others in the batch"),
    "less the batch's mean": (f"values = {_MEANS}; return values - values.mean(0)", "pass", "others in the batch"),
    "by its place": (f"return {_MEANS} + np.arange(len(patches), dtype=np.float32)[:, None]", "pass", "others in the"),
    "draws": (f"return {_MEANS} + np.random.default_rng().random(3, dtype=np.float32)", "pass", "bit for bit"),
    "drawn when loaded": (f"return {_MEANS} * draw", "draw = np.float32(np.random.default_rng().random())", "bit for"),
    "remembers": (f"seen.append(1); return {_MEANS} + np.float32(len(seen))", "seen = []", "bit for bit"),
    "spoils its input": (f"values = {_MEANS}; patches[:] = 0; return values", "pass", "leaves the patches"),
    "one is too few": (f"assert len(patches) > 1; return {_MEANS}", "pass", "any number"),
    "one edge only": (f"assert patches.shape[1] == 224; return {_MEANS}", "pass", "any edge"),
    "blind": ("return np.ones((len(patches), 3), dtype=np.float32)", "pass", "tells patches apart"),
}  # fmt: skip


@pytest.mark.parametrize("how", HOSTILE)
def test_a_hostile_encoder_is_caught(how: str, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch):
    embed, load, claim = HOSTILE[how]
    card = {"name": "hostile", "title": "Hostile", "width": 3, "weights": "none", "access": "here"}
    (tmp_path / "card.yaml").write_text(yaml.safe_dump(card))
    (tmp_path / "encoder.py").write_text(
        f"import numpy as np\ndef load(device):\n    {load}\n    def embed(patches):\n        {embed}\n"
        "    return embed\n"
    )
    monkeypatch.setenv("STBENCH_ENCODERS", str(tmp_path))
    broken = broken_claims("hostile")
    assert any(claim in sentence for sentence in broken), broken


def test_one_that_does_not_load_has_one_failing_claim(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
):
    card = (FIXTURES / "random_resnet18" / "card.yaml").read_text()
    (tmp_path / "card.yaml").write_text(card)
    (tmp_path / "encoder.py").write_text("import nothing_of_this_name\n")
    monkeypatch.setenv("STBENCH_ENCODERS", str(tmp_path))
    result = stbench("check", "--encoder", "random-resnet18")
    assert (result.status, result.out[:24]) == (1, "FAIL It loads with its w")
    assert "nothing_of_this_name" in result.out.replace("\n", "")


def test_lists_and_cards(
    fixture_encoders: None, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    listed = {card["name"]: card for card in stbench("encoders", "--json").document["encoders"]}
    named = {
        "uni",
        "uni2-h",
        "virchow",
        "virchow2",
        "h-optimus-0",
        "h-optimus-1",
        "conch",
        "phikon-v2",
        "prov-gigapath",
    }
    assert named | {"efficientnet_lite0", "resnet18", "densenet121", "vit_base", "deit_base"} <= listed.keys()
    assert [name for name, card in listed.items() if card["default"]] == ["efficientnet_lite0"]
    assert all(listed[name]["access"].startswith("https://huggingface.co/") for name in named)
    assert listed["tiny-colours"]["plugin"] == str(FIXTURES / "tiny_colours")
    shown = stbench("encoders", "UNI2-h", "--json").document
    assert (shown["width"], shown["patch_um"], shown["gated"], shown["identity"]) == (1536, 112.0, True, None)
    own = stbench("encoders", "tiny-colours")
    assert own.status == 0 and "mixing.txt" in own.out and "tiny-colours@" in own.out
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "encoder.py").touch()
    monkeypatch.setenv("STBENCH_ENCODERS", str(tmp_path))
    assert "card.yaml" in stbench("encoders", "--json").document["broken"]["bad"]
    assert "encoder bad is broken and left out" in stbench("encoders").err.replace("\n", " ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("check",), "Name one method"),
        (("check", "ridge", "--encoder", "uni"), "Name one method"),
        (("check", "--encoder", "tiny-colour"), "Did you mean tiny-colours"),
        (("encoders", "tiny-colour"), "Did you mean tiny-colours"),
        (("run", "--method", "mean", "--dataset", "demo-tiny", "--encoder", "tiny-colours,nobody"), "named 'nobody'"),
        (("run", "--method", "mean", "--dataset", "demo-tiny", "--encoder", ","), "names no encoder"),
    ],
)  # fmt: skip
def test_refusals(arguments: tuple, words: str, fixture_encoders: None, quick: None):
    result = stbench(*arguments)
    assert (result.status, result.out) == (2, "")
    assert words in result.err.strip().splitlines()[-1]


def test_two_encoders_make_rows_of_one_table(fixture_encoders: None, quick: None, tmp_path: Path):
    asked = (
        "--method",
        "ridge,mean",
        "--dataset",
        "demo-tiny",
        "--inner",
        "none",
        "--threads",
        1,
        "--workers",
        1,
    )
    both = ("--encoder", "efficientnet_lite0,tiny-colours", "--reference", "ridge", "--out", tmp_path / "out")
    planned = stbench("run", *asked, *both, "--dry-run", "--json").document["plans"]
    assert [(plan["encoder"], plan["trials"]) for plan in planned] == [
        ("efficientnet_lite0", 8),
        ("tiny-colours", 4),
    ]
    result = stbench("run", *asked, *both, "--json")
    assert result.status == 0, result.err
    (table,) = result.document["tables"]
    rows = [(row["method"], row["encoder"]) for row in table["rows"] if row["kind"] != "ceiling"]
    ridges = sorted(encoder for method, encoder in rows if method == "ridge")
    assert [encoder.partition("@")[0] for encoder in ridges] == ["efficientnet_lite0", "tiny-colours"]
    assert ridges[0] == "efficientnet_lite0@ac64389b"
    assert [encoder for method, encoder in rows if method == "mean"] == [ridges[0]]  # takes none: run once
    assert table["encoder"] is None
    values = {row["encoder"]: row["pcc"] for row in table["rows"] if row["method"] == "ridge"}
    assert values[ridges[0]] != values[ridges[1]]
    assert len(records(tmp_path / "out")) == 12
    again = stbench("run", *asked, *both)
    assert again.status == 0 and len(records(tmp_path / "out")) == 12
    assert "0 trials to do of 8" in again.err and "0 trials to do of 4" in again.err
    assert "ridge (tiny-colours)" in again.out.replace("\n", " ") or "tiny-colours" in again.out


def test_a_plan_for_two_encoders_is_worked_on(fixture_encoders: None, quick: None, tmp_path: Path):
    options = (
        "--method", "ridge", "--dataset", "demo-tiny", "--inner", "none", "--threads", 1, "--genes", "highest",
        "--n-genes", 12, "--encoder", "tiny-colours,random-resnet18", "--out", tmp_path / "out",
    )  # fmt: skip
    planned = stbench("plan", *options, "--json")
    assert planned.status == 0, planned.err
    assert len({plan["file"] for plan in planned.document["plans"]}) == 2
    rows = stbench("status", "--out", tmp_path / "out", "--json").document["rows"]
    assert sorted(row["row"] for row in rows) == [
        "mean (tiny-colours)",
        "ridge (random-resnet18)",
        "ridge (tiny-colours)",
    ]
    worked = stbench("work", "--out", tmp_path / "out", "--workers", 1)
    assert worked.status == 0, worked.err
    assert stbench("status", "--out", tmp_path / "out", "--json").document["seconds_left"] == 0
    found = {
        (r["row"]["method"], r["table"]["encoder"].partition("@")[0])
        for r in records(tmp_path / "out").values()
    }
    assert found == {("mean", "tiny-colours"), ("ridge", "tiny-colours"), ("ridge", "random-resnet18")}
