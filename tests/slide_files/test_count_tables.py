"""Count matrices as R, pandas and spreadsheets write them; what is wrong in one is named by its cell."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from shared_cases import make_case, truth

from stbench.errors import DatasetError
from stbench.slide_files.count_tables import read_count_table
from stbench.slide_files.parts import CountMatrix

COUNTS = np.array([[1, 0, 4], [0, 22, 100_000]])
SPOTS, GENES = ("s 1", "2x3"), ("A", "B-1", "C.2")


def read(path: Path, text: str, encoding: str = "utf-8") -> CountMatrix:
    path.write_bytes(text.encode(encoding))
    return read_count_table(path)


def same(matrix: CountMatrix) -> bool:
    return (matrix.spot_ids, matrix.genes, matrix.counts.toarray().tolist()) == (
        SPOTS,
        GENES,
        COUNTS.tolist(),
    )


def written(separator: str, quote: str = "", corner: bool = True, number: str = "{}", end: str = "\n") -> str:
    """The matrix as text; without a corner as R's write.table leaves it out."""
    rows = [[quote + gene + quote for gene in GENES]]
    rows[0][:0] = [quote * 2] if corner else []
    rows += [
        [quote + spot + quote, *(number.format(count) for count in row)]
        for spot, row in zip(SPOTS, COUNTS, strict=True)
    ]
    return "".join(separator.join(row) + end for row in rows)


@pytest.mark.parametrize("separator", ["\t", ",", ";"])
@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("corner", [True, False])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_spelling_of_a_matrix_is_the_same_matrix(
    tmp_path: Path, separator: str, quote: str, corner: bool, end: str
):
    text = written(separator, quote, corner, end=end)
    assert same(read(tmp_path / "c.tsv", text))
    assert same(read(tmp_path / "c.csv", "\ufeff" + text, "utf-16"))


@pytest.mark.parametrize("number", ["{}.0", "{:.1e}", '"{}"', " {} ", "{}."])
def test_whole_numbers_may_be_written_as_decimals_in_quotes_or_with_blanks(tmp_path: Path, number: str):
    assert same(read(tmp_path / "c.tsv", written("\t", number=number)))


def test_names_lose_quotes_and_blanks_and_the_corner_may_be_called_anything(tmp_path: Path):
    text = "barcode\t A \t\"B-1\"\t'C.2'\n s 1 \t1\t0\t4\n2x3\t0\t22\t100000\n"
    assert same(read(tmp_path / "c.tsv", text))


def test_what_spreadsheets_leave_at_the_end_is_no_gene_and_no_spot(tmp_path: Path):
    text = "".join(line + ",,\r\n" for line in written(",").splitlines()) + ",,,,,\r\n,,,,,\r\n\r\n"
    assert same(read(tmp_path / "c.csv", text))


def test_r_writes_tables_with_blanks_between_quoted_names(tmp_path: Path):
    assert same(read(tmp_path / "c.txt", written(" ", '"', corner=False)))


@given(
    arrays.arrays(
        np.int32, st.tuples(st.integers(1, 4), st.integers(1, 5)), elements=st.integers(0, 2**31 - 1)
    ),
    st.sampled_from("\t,;"),
    st.booleans(),
)
def test_what_pandas_writes_is_read(tmp_path_factory, counts: np.ndarray, separator: str, as_floats: bool):
    path = tmp_path_factory.mktemp("c") / "c.csv.gz"
    names = [f"g{i}" for i in range(counts.shape[1])]
    frame = pd.DataFrame(counts, [f"s{i}" for i in range(len(counts))], names)
    (frame.astype(float) if as_floats else frame).to_csv(path, sep=separator)
    matrix = read_count_table(path)
    assert matrix.counts.toarray().tolist() == counts.tolist()
    assert (list(matrix.spot_ids), list(matrix.genes)) == (list(frame.index), names)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "\tA\tB\ns1\t1\t2\ns2\t1.5\t0\n",
            "spot s2, gene A holds '1.5'; counts must be whole numbers from 0",
        ),
        ("\tA\tB\ns1\t1\t2\ns2\t1\t-3\n", "spot s2, gene B holds '-3'"),
        ("\tA\tB\ns1\t1\t\ns2\t1\t3\n", "spot s1, gene B holds ''"),
        ("\tA\tB\ns1\t1\tNA\n", "spot s1, gene B holds 'NA'"),
        ("\tA\tB\ns1\t1\t1_0\n", "spot s1, gene B holds '1_0'"),
        ("\tA\tB\ns1\t1\t3000000000\n", "spot s1, gene B holds '3000000000'"),
        ("\tA\tB\ns1\t1\t3e9\ns2\t1.0\t2\n", "spot s1, gene B holds '3e9'"),
        ("\tA\tB\ns1\t1\t2\ns2\t1\n", r"spot s2 has 1 counts for 2 genes; is the file cut off\?"),
        ("\tA\tB\ns1\t1\t2\t7\ns2\t1\t2\t8\n", "spot s1 has 3 counts for 2 genes"),
        ('""\t"A"\t"B"\n"s1"\t1\t2\n"s2"\tx\t2\n', "spot s2, gene A holds 'x'"),
        ("\tA\t\tB\ns1\t1\t2\t3\n", "leaves gene 2 of 3 without a name"),
        ("\tA\ns1\t1\ns1\t2\n", "names the spot id 's1' twice"),
        ("", "holds no count matrix: 0 genes and 0 spots"),
    ],
)
def test_the_cell_at_fault_is_named(tmp_path: Path, text: str, reason: str):
    with pytest.raises(DatasetError, match=rf"c\.tsv.*{reason}"):
        read(tmp_path / "c.tsv", text)


def test_tables_as_r_writes_them_hold_what_they_were_made_from(tmp_path: Path):
    folder = make_case("06", tmp_path)
    for seed, name in enumerate(("S1", "S2", "S3"), start=1):
        made, matrix = truth(seed), read_count_table(folder / name / f"{name}_counts.tsv")
        np.testing.assert_array_equal(matrix.counts.toarray(), made["counts"])
        assert (list(matrix.spot_ids), list(matrix.genes)) == (made["barcodes"], made["genes"])


def test_a_real_matrix_is_what_pandas_reads(shared_data: Path):
    path = shared_data / "her2st" / "data" / "ST-cnts" / "B1.tsv.gz"
    frame = pd.read_csv(path, sep="\t", index_col=0)
    matrix = read_count_table(path)
    np.testing.assert_array_equal(matrix.counts.toarray(), frame.to_numpy())
    assert list(matrix.spot_ids) == list(frame.index)
    text = gzip.decompress(path.read_bytes()).decode()
    assert list(matrix.genes) == re.split("\t", text.split("\n", 1)[0])[1:]
