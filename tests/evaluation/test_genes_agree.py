"""Slides whose genes go by different kinds of names are found before anything is fitted."""

from __future__ import annotations

from pathlib import Path

import pytest
from plugins.command import stbench
from shared_cases import make_case

from stbench.datasets.path import plugin as OwnFolder  # pyright: ignore[reportMissingImports]
from stbench.errors import DatasetError
from stbench.evaluation.design import Design
from stbench.evaluation.materials import Materials

SENTENCE = "The slides name genes in different ways: S1 by symbols .G00, say., S2 by Ensembl identifiers .ENS"


@pytest.fixture
def two_kinds(tmp_path: Path, cache: Path) -> Path:
    return make_case("10", tmp_path / "slides")


def renamed(folder: Path, of: str) -> None:
    """Other names for the genes of S2, in quotes and between commas."""
    path = folder / "S2" / "S2_counts.tsv"
    header, *rows = path.read_text().replace("\t", ",").splitlines()
    names = [f'"{of.format(i)}"' for i, _ in enumerate(header.split(",")[1:])]
    path.write_text("\n".join([",".join(["", *names]), *rows]))


@pytest.mark.parametrize("of", ["ENSG{:011d}", "ENSMUSG{:011d}.7", " ENSDARG{:011d} "])
def test_two_kinds_are_found_when_slides_are_prepared_and_when_genes_are_joined(two_kinds: Path, of: str):
    renamed(two_kinds, of)
    materials = Materials(Design("path:slides"), OwnFolder().slides(two_kinds))
    with pytest.raises(DatasetError, match=SENTENCE):
        materials.prepare([])
    with pytest.raises(DatasetError, match=SENTENCE):
        materials.panel(("S1",))


def test_slides_of_one_kind_are_prepared(two_kinds: Path):
    renamed(two_kinds, "G{:02d}")
    materials = Materials(Design("path:slides"), OwnFolder().slides(two_kinds))
    materials.prepare([])
    with pytest.raises(DatasetError, match="have no gene in common"):
        renamed(two_kinds, "H{:02d}")
        Materials(Design("path:slides"), OwnFolder().slides(two_kinds)).prepare([])


def test_a_run_ends_with_the_sentence_before_it_fits(
    two_kinds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    run = stbench("run", "--method", "mean", "--dataset", f"path:{two_kinds}", "--inner", "none")
    assert run.status == 2
    assert "S1 by symbols (G00, say), S2 by Ensembl identifiers (ENSG00000000000, say)" in " ".join(
        run.err.split()
    )
    assert not list(tmp_path.rglob("*.npz"))
