"""The methods that `stbench new-method` starts from keep every promise, and the contract's page shows them."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest
from plugins.command import records, stbench

CHECKOUT = Path(__file__).resolve().parents[2]
TEMPLATES = CHECKOUT / "stbench" / "commands" / "method_templates"


@pytest.fixture
def folder(tmp_path: Path, plug_in: Callable[[Path], None]) -> Path:
    folder = tmp_path / "methods"
    folder.mkdir()
    plug_in(folder)
    return folder


def test_a_new_network_keeps_every_promise_and_runs(cache: Path, folder: Path, tmp_path: Path):
    """As test_check.py holds the sklearn template to them."""
    assert stbench("new-method", "other-words", "--template", "torch").status == 0
    checked = stbench("check", "other-words")
    assert checked.status == 0, checked.out
    done = stbench(
        "run", "--method", "other-words", "--dataset", "demo-tiny", "--inner", "none", "--epochs", 2, "--out", tmp_path,
    )  # fmt: skip
    assert done.status == 0, done.err
    found = [record for record in records(tmp_path).values() if record["row"]["method"] == "other-words"]
    assert len(found) == 4 and {record["failure"] for record in found} == {None}


@pytest.mark.parametrize("template", ["sklearn", "torch"])
def test_the_page_on_the_contract_shows_what_is_written(template: str):
    page = (CHECKOUT / "stbench" / "README.md").read_text(encoding="utf-8")
    for kind, file in (("python", "method.py"), ("yaml", "card.yaml")):
        assert f"```{kind}\n{(TEMPLATES / template / file).read_text(encoding='utf-8')}```" in page


@pytest.mark.parametrize("name", ["method", "tensor", "sequence", "none"])
@pytest.mark.parametrize("template", ["sklearn", "torch"])
def test_a_name_that_means_something_else_in_the_source_is_told_apart(name: str, template: str, folder: Path):
    assert stbench("new-method", name, "--template", template).status == 0
    source = ast.parse((folder / name / "method.py").read_text(encoding="utf-8"))
    (written,) = [node.name for node in source.body if isinstance(node, ast.ClassDef)]
    imports = [node for node in source.body if isinstance(node, ast.ImportFrom)]
    assert written not in {alias.name for node in imports for alias in node.names} | {"None"}


def test_a_template_that_there_is_not(folder: Path):
    result = stbench("new-method", "mine", "--template", "jax")
    assert (result.status, result.out) == (2, "")
    assert "jax" in result.err and "sklearn and torch" in result.err
    assert list(folder.iterdir()) == []
