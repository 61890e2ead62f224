"""`stbench check` names the claim that a plugin breaks; `stbench new-method` writes one that breaks none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from plugins.command import Outcome, records, stbench

from stbench import registry


@pytest.fixture
def folder(tmp_path: Path, plug_in: Callable[[Path], None]) -> Path:
    """A folder of plugins of this test's own."""
    folder = tmp_path / "methods"
    folder.mkdir()
    plug_in(folder)
    return folder


def broken_claims(result: Outcome) -> dict[str, str]:
    document = result.document
    broken = {claim["claim"]: claim["problem"] for claim in document["claims"] if claim["problem"]}
    assert result.status == (1 if broken else 0)
    return broken


@pytest.mark.parametrize("method", ["mean", "knn", "ridge", "depth-smooth"])
def test_floors_keep_every_claim(method: str, quick: None):
    result = stbench("check", method, "--json")
    assert broken_claims(result) == {}
    assert len(result.document["claims"]) >= 12


# Networks whose dozen fits take from half a minute to some minutes on one core: `pytest -m slow` runs them.
DEAR = ("bleep", "cmrcnet", "hggep", "hist2st", "histogene", "m2ost", "mclstexp", "stnet")
NETWORKS = [
    pytest.param(name, marks=pytest.mark.slow if name in DEAR else pytest.mark.acceptance)
    for name in registry.plugins("method")
    if registry.method_card(name).family != "floor"
]


@pytest.mark.parametrize("method", NETWORKS)
def test_networks_keep_every_claim(method: str, quick: None):
    """From random weights where the published ones are not there; about half a minute each on one core."""
    assert broken_claims(stbench("check", method, "--json")) == {}


# What is changed in a new method's source, and a word of the claim that this breaks.
BREAKS = {
    "mutates its input": (
        "embeddings = np", "train[0].expression[:] = 0\n        embeddings = np", "changes the slides"
    ),
    "mutates the query": (
        "return self._model.predict(slide.embeddings)",
        "slide.embeddings[:] = 0\n        return self._model.predict(slide.embeddings)",
        "changes the slides",
    ),
    "unseeded": ("slide.n_spots, -1)", "slide.n_spots, -1) + np.random.default_rng().normal()", "bit for bit"),
    "wrong shape": (".reshape(slide.n_spots, -1)", ".T", "one row per spot"),
    "a gene too few": (".reshape(slide.n_spots, -1)", "[:, 1:]", "one column per gene"),
    "not finite": (".reshape(slide.n_spots, -1)", " / np.zeros(1)", "all finite"),
    "predicts before fit": (
        'raise MethodError("broken predicts only after fit.")', "return np.zeros((slide.n_spots, 20))", "before fit"
    ),
    "another error before fit": ("if self._model is None", "if self._model.missing is None", "before fit"),
    "remembers across slides": (
        "return self._model.predict(slide.embeddings)",
        "self.seen = getattr(self, 'seen', 0) + 1\n        return self.seen + self._model.predict(slide.embeddings)",
        "predicted in between",
    ),
    "changes its setting": ("self.penalty = penalty", "self.penalty = penalty * 2", "stored under their own names"),
    "no default": ("penalty: float = 1000.0", "penalty: float", "have defaults"),
    "does not pickle": ("self._model: ", "self.scale = lambda x: x\n        self._model: ", "pickles"),
    "keeps another number": ('"origin": self._model.intercept_', '"origin": self._model.intercept_ + 1', "model file"),
    "hides what it holds": (
        '"origin": self._model.intercept_',
        '"origin": self._model.intercept_, "spots": self.spots',
        "model file",
    ),
    "hands nothing over": (
        "return self.report_without_epochs(queries, context)", "return FitReport()", "With queries"
    ),
    "one spot is too few": (
        "return self._model", "assert slide.n_spots > 1\n        return self._model", "one spot"
    ),
    "ends the process": ("embeddings = np", "raise SystemExit(0)\n        embeddings = np", "one row per spot"),
}  # fmt: skip


# Every broken method keeps its training spots at hand, for the one that writes them out and says nothing of it.
_REMEMBERS = "self.spots = expression\n        self._model = Ridge(alpha=self.penalty)"


@pytest.mark.parametrize("how", BREAKS)
def test_a_broken_claim_is_named(how: str, quick: None, folder: Path):
    old, new, claim = BREAKS[how]
    assert stbench("new-method", "broken").status == 0
    source = folder / "broken" / "method.py"
    text = source.read_text()
    assert old in text
    text = text.replace("        self._model = Ridge(alpha=self.penalty).fit", f"        {_REMEMBERS}.fit")
    source.write_text(text.replace(old, new))
    broken = broken_claims(stbench("check", "broken", "--json"))
    assert any(claim in sentence for sentence in broken), broken


@pytest.mark.parametrize(
    "change",
    [
        {"grid": [{}, {"penality": 1.0}]},
        {"full_grid": {"penality": [1.0]}},
        {"presets": {"released": {"x": 1}}},
    ],
    ids=["grid", "full grid", "preset"],
)
def test_a_card_that_names_an_unknown_setting(change: dict, quick: None, folder: Path):
    stbench("new-method", "broken")
    card = folder / "broken" / "card.yaml"
    card.write_text(yaml.safe_dump(yaml.safe_load(card.read_text()) | change))
    (claim,) = broken_claims(stbench("check", "broken", "--json"))
    assert "card" in claim


# What is changed in a new method's source, whose penalty matters in training, and what is said of its card then.
_AT_PREDICTION = {
    "alpha=self.penalty": "alpha=1.0",
    "(slide.embeddings)": "(slide.embeddings * self.penalty)",
}
_NO_COPY = (
    "    def with_settings(self, **changes):\n        vars(self).update(changes)\n        return self\n\n"
)
_FALSE_CARDS = {
    "matters in training": ({}, "a fit with penalty 10000.0 predicts something else"),
    "changes the fitted method": (
        {**_AT_PREDICTION, "    def predict(": f"{_NO_COPY}    def predict("}, "the fitted method itself was changed"
    ),
    "matters at prediction alone": (_AT_PREDICTION, None),
}  # fmt: skip


@pytest.mark.parametrize("how", _FALSE_CARDS)
def test_a_setting_at_prediction_that_is_none(how: str, quick: None, folder: Path):
    stbench("new-method", "broken")
    changes, words = _FALSE_CARDS[how]
    source, card = folder / "broken" / "method.py", folder / "broken" / "card.yaml"
    text = source.read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    source.write_text(text)
    card.write_text(card.read_text() + "at_prediction: [penalty]\n")
    broken = broken_claims(stbench("check", "broken", "--json"))
    assert list(broken.values()) == ([words] if words else [])
    assert all("at_prediction" in claim for claim in broken)


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("card.yaml", "titel: x\n", ("card.yaml", "titel")),
        ("card.yaml", ": :\n- [", ("card.yaml",)),
        ("method.py", "import nothing_of_this_name\n", ("broken", "nothing_of_this_name")),
        ("__init__.py", "plugin = 3\n", ("broken", "Method")),
    ],
    ids=["mistyped key", "no YAML", "does not import", "no method"],
)
def test_a_plugin_that_does_not_load(file: str, text: str, words: tuple, quick: None, folder: Path):
    stbench("new-method", "broken")
    (folder / "broken" / file).write_text(text)
    for command in (("check", "broken"), ("run", "--method", "broken", "--dataset", "demo-tiny")):
        result = stbench(*command)
        assert (result.status, result.out) == (2, ""), result.err
        assert all(word in result.err.strip().splitlines()[-1] for word in words), result.err
    listed = stbench("methods", "--json")
    assert listed.status == 0
    if file == "card.yaml":
        assert "broken" in listed.document["broken"]
    assert "ridge" in {method["name"] for method in listed.document["methods"]}


def test_words_for_people(quick: None, folder: Path):
    stbench("new-method", "broken")
    card = folder / "broken" / "card.yaml"
    card.write_text(card.read_text().replace("{penalty:", "{penality:"))
    result = stbench("check", "broken")
    assert result.status == 1
    lines = [line for line in result.out.splitlines() if line[:4] in ("PASS", "FAIL")]
    assert "penality" in next(line for line in lines if line.startswith("FAIL"))
    assert len(lines) >= 12


# --- new-method ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["my-idea", "sequence", "method-error", "none", "x2"])
def test_a_new_method_keeps_every_claim_and_runs(name: str, quick: None, folder: Path, tmp_path: Path):
    written = stbench("new-method", name)
    assert written.status == 0
    assert str(folder / name.replace("-", "_")) in written.out.replace("\n", "")
    assert f"stbench check {name}" in written.out
    assert broken_claims(stbench("check", name, "--json")) == {}
    options = ("--dataset", "demo-tiny", "--inner", "none", "--threads", 1, "--out", tmp_path / "out")
    if name == "my-idea":
        result = stbench("run", "--method", name, *options, "--json")
        assert result.status == 0, result.err
        assert all(record["failure"] is None for record in records(tmp_path / "out").values())
        assert name in {row["method"] for row in result.document["tables"][0]["rows"]}


@pytest.mark.parametrize(
    "name",
    ["My-Idea", "my_idea", "my idea", "-idea", "idea-", "my--idea", "2fast", "", "../idea", "é", "x" * 300],
)
def test_an_unusable_name_is_one_sentence(name: str, quick: None, folder: Path):
    result = stbench("new-method", "--", name)
    assert (result.status, result.out) == (2, "")
    assert len(result.err.strip().splitlines()) == 1
    assert "name" in result.err
    assert list(folder.iterdir()) == []


def test_a_taken_name_is_one_sentence(quick: None, folder: Path):
    result = stbench("new-method", "ridge")
    assert result.status == 2
    assert "There is a method ridge already" in result.err
    (folder / "my_idea").mkdir()
    result = stbench("new-method", "my-idea")
    assert result.status == 2
    assert "my_idea exists already" in result.err


def test_a_standalone_package_is_found_once_it_is_installed(quick: None, tmp_path: Path):
    project = tmp_path / "project"
    written = stbench("new-method", "far-idea", "--standalone", project)
    assert written.status == 0, written.err
    assert f"pip install -e {project}" in written.out.replace("\n", "")
    # What an installer leaves: the package on the path, and its metadata beside it.
    metadata = project / "stbench_far_idea-0.1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: stbench-far-idea\nVersion: 0.1.0\n")
    (metadata / "entry_points.txt").write_text("[stbench.methods]\nfar-idea = stbench_far_idea\n")
    assert 'far-idea = "stbench_far_idea"' in (project / "pyproject.toml").read_text()
    paths = os.pathsep.join([str(project), str(Path(__file__).parents[2])])
    check = subprocess.run(
        [sys.executable, "-m", "stbench", "check", "far-idea", "--json"],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths}, check=False,
    )  # fmt: skip
    assert check.returncode == 0, check.stderr
    assert '"problem": null' in check.stdout


def test_standalone_into_a_file(quick: None, tmp_path: Path):
    (tmp_path / "file").touch()
    result = stbench("new-method", "far-idea", "--standalone", tmp_path / "file")
    assert result.status == 2
    assert "Cannot write" in result.err
