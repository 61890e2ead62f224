"""Names of genes: kinds told apart, symbols taken where a file holds both, blanks and quotes stripped."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from stbench.errors import DatasetError
from stbench.slide_files.gene_names import (
    ENSEMBL,
    NUMBERS,
    SYMBOLS,
    gene_kinds,
    kind_of,
    symbols_of,
    unique_genes,
)

HUMAN = ("ENSG00000141510", "ENSG00000012048", "ENSG00000139618")


class Genes(NamedTuple):
    id: str
    genes: tuple[str, ...]


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (("TP53", "BRCA1", "ENSG00000139618"), SYMBOLS),  # a gene without a symbol goes by its identifier
        (HUMAN, ENSEMBL),
        (("ENSMUSG00000059552.14", "ENSMUSG00000017146.3"), ENSEMBL),
        (("ENSDARG00000035559", "Actb", "ENSDARG00000037746"), ENSEMBL),
        (("7157", "672"), NUMBERS),
        (("ENSA", "ENSG01", "ENSGALG1"), SYMBOLS),
        ((), SYMBOLS),
    ],
)
def test_kinds_of_names(names: tuple[str, ...], kind: str):
    assert kind_of(names) == kind


def test_slides_of_two_kinds_are_named_with_their_kinds():
    slides = [Genes("S1", ("TP53", "BRCA1")), Genes("S2", HUMAN), Genes("S3", ("TP53", "ACTB"))]
    assert gene_kinds(slides).startswith(
        "The slides name genes in different ways: S1, S3 by symbols (TP53, say), "
        "S2 by Ensembl identifiers (ENSG00000141510, say);"
    )


def test_slides_without_a_common_gene_are_named():
    slides = [Genes("S1", ("TP53",)), Genes("S2", ("TP53", "ACTB")), Genes("S3", ("ACTB",))]
    assert gene_kinds(slides).startswith("The slides S1 and S3 have no gene in common (TP53 and ACTB, say);")
    mouse = [Genes("S1", ("TP53",)), Genes("S2", ("Tp53",))]
    assert gene_kinds(mouse).endswith("differ in case or version; spell them alike.")
    versions = [Genes("S1", ("ENSG00000141510.3",)), Genes("S2", ("ENSG00000141510.5",))]
    assert gene_kinds(versions).endswith("differ in case or version; spell them alike.")


@pytest.mark.parametrize(
    "slides",
    [
        [],
        [Genes("S1", HUMAN)],
        [Genes("S1", ("A", "B")), Genes("S2", ("B", "C"))],
        [Genes("S1", HUMAN[:2]), Genes("S2", HUMAN[1:])],
    ],
)
def test_slides_that_agree_give_no_sentence(slides: list[Genes]):
    assert gene_kinds(slides) == ""


def test_symbols_are_taken_from_whichever_column_holds_them():
    symbols = ["TP53", "BRCA1", "nan"]
    expected = ["TP53", "BRCA1", HUMAN[2]]
    assert symbols_of(symbols, HUMAN) == expected
    assert symbols_of(HUMAN, symbols) == expected
    assert symbols_of(["0", "1", "2"], HUMAN) == list(HUMAN)
    assert symbols_of(HUMAN) == list(HUMAN)
    assert symbols_of(HUMAN, ["", "", "TP53"]) == list(HUMAN)  # hardly any gene has a symbol there
    assert symbols_of([' "TP53" ', "'NA'"]) == ["TP53", "NA"]


def test_names_lose_blanks_and_quotes_before_they_are_compared():
    assert unique_genes([" TP53", '"ACTB"', "TP53 ", "'X'"], Path("f.tsv")) == ("TP53", "ACTB", "TP53-1", "X")
    with pytest.raises(DatasetError, match=r"f\.tsv leaves gene 2 of 2 without a name"):
        unique_genes(["A", '" "'], Path("f.tsv"))
