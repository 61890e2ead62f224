"""Tables as people's programs write them: separators, quotes, line ends, encodings, spreadsheets' leftovers."""

from __future__ import annotations

import csv
import gzip
import io
import logging
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stbench.errors import DatasetError
from stbench.slide_files.missing_words import known
from stbench.slide_files.tables import find_column, read_columns, read_rows, read_table

ROWS = [{"id": "S1", "patient": "A, B", "n": "1"}, {"id": "S2", "patient": "Ünal", "n": "22"}]


def table(path: Path, content: str | bytes) -> list[dict]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path).to_dict("records")


@pytest.mark.parametrize("separator", ["\t", ",", ";"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_every_spelling_of_a_table_is_the_same_table(
    tmp_path: Path, separator: str, line_end: str, encoding: str, quoting
):
    text = io.StringIO(newline="")
    writer = csv.DictWriter(
        text, list(ROWS[0]), delimiter=separator, lineterminator=line_end, quoting=quoting
    )
    writer.writeheader()
    writer.writerows(ROWS)
    mark = b"\xff\xfe" if encoding == "utf-16-le" else b""
    assert table(tmp_path / "t.csv", mark + text.getvalue().encode(encoding)) == ROWS


def test_a_name_ending_in_tsv_may_hold_commas_and_the_other_way_round(tmp_path: Path):
    assert table(tmp_path / "t.tsv", "a,b\n1,2\n") == [{"a": "1", "b": "2"}]
    assert table(tmp_path / "t.csv", "a\tb\n1,5\t2\n") == [{"a": "1,5", "b": "2"}]
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a;b\n1,5;x, y\n"))
    assert read_table(tmp_path / "t.csv.gz").to_dict("records") == [{"a": "1.5", "b": "x, y"}]


def test_what_was_read_as_latin_1_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING):
        assert table(tmp_path / "t.csv", "a,b\nM\u00fcller,2\n".encode("latin-1"))[0]["a"] == "Müller"
    assert "t.csv is not in UTF-8; it was read as Latin-1" in caplog.text


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("a,b\n1,2\n".encode("utf-16-be"), "holds NUL characters.*UTF-16 without its mark; save it as UTF-8"),
        (b"\x89PNG\r\n\x1a\x01\x02", "cannot be read whole as text in UTF-8, UTF-16 or Latin-1 .*byte 0"),
        (b"\xff\xfea\0b", "cannot be read whole as text.*utf-16"),
    ],
)
def test_what_is_no_text_is_named(tmp_path: Path, content: bytes, reason: str):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DatasetError, match=rf"t\.csv {reason}"):
        read_table(tmp_path / "t.csv")


def test_what_spreadsheets_leave_at_the_end_is_no_part_of_a_table(tmp_path: Path):
    text = "\ufeff slide , patient ,,\r\nS1, A ,,\r\n\r\n S2 ,,,\r\n,,,\r\n,,,\r\n"
    assert table(tmp_path / "t.csv", text) == [
        {"slide": "S1", "patient": "A"},
        {"slide": "S2", "patient": ""},
    ]
    padded_rows = "slide,patient\nS1,A,,\nS2,B\n"
    assert table(tmp_path / "t.csv", padded_rows) == [
        {"slide": "S1", "patient": "A"},
        {"slide": "S2", "patient": "B"},
    ]


@pytest.mark.parametrize("separator", ["\t", ",", ";", " "])
@pytest.mark.parametrize("quote", ["", '"'])
def test_the_header_of_r_is_one_cell_short(tmp_path: Path, separator: str, quote: str):
    lines = [["label", "n"], ["s1", "tumour", "1"], ["s2", "NA", "2"]]
    text = "".join(separator.join(f"{quote}{cell}{quote}" for cell in line) + "\n" for line in lines)
    assert table(tmp_path / "t.txt", text) == [
        {"": "s1", "label": "tumour", "n": "1"},
        {"": "s2", "label": "NA", "n": "2"},
    ]


@given(
    st.lists(st.lists(st.text("abcÄ ,;\t'x1.\"", max_size=6), min_size=3, max_size=3), min_size=1, max_size=5)
)
def test_what_pandas_writes_is_read_as_pandas_means_it(tmp_path_factory, cells: list[list[str]]):
    """Tabs between, everything quoted: the cells come back, but for blanks around them and rows without content."""
    path = tmp_path_factory.mktemp("t") / "t.tsv"
    frame = pd.DataFrame(cells, columns=["one", "two", "three"])
    frame.to_csv(path, sep="\t", index=False, quoting=csv.QUOTE_ALL)
    stripped = [[cell.strip() for cell in row] for row in cells]
    assert read_table(path).to_numpy().tolist() == [row for row in stripped if any(row)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a,b,c\n1,2\n", r"the row '1 2' has not 3 columns; cut off\?"),
        ("a,b\n1,2\n3,4,5\n", r"the row '3 4 5' has not 2 columns"),
        ("a,a\n1,2\n", "names the column 'a' twice"),
        ('a,b\n"1,2\n3,4\n', "has not 2 columns"),
    ],
)
def test_broken_tables_are_named(tmp_path: Path, text: str, reason: str):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DatasetError, match=rf"t\.csv.*{reason}"):
        read_table(tmp_path / "t.csv")


def test_columns_are_found_whatever_their_case_and_taking_another_name_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    (tmp_path / "t.csv").write_text("Spot ID, Array X ,extra\ns1,3,9\n")
    with caplog.at_level(logging.INFO):
        found = read_columns(tmp_path / "t.csv", ["barcode", "array_x"], ["label"], {"barcode": ["spot_id"]})
    assert found.to_dict("records") == [{"barcode": "s1", "array_x": "3"}]
    assert "t.csv: the column 'Spot ID' is taken as barcode" in caplog.text
    with pytest.raises(
        DatasetError, match=r"t\.csv lacks the columns array_y; it has Spot ID, Array X, extra"
    ):
        read_columns(tmp_path / "t.csv", ["array_x", "array_y"])


def test_the_first_of_several_names_is_found():
    assert find_column(["id", "Barcode"], ["barcode", "id"]) == "Barcode"
    assert find_column(["Unnamed: 0", "x"], ["barcode", ""]) == "Unnamed: 0"
    assert find_column(["x"], ["y"]) is None


def test_rows_without_a_header_keep_their_first_line(tmp_path: Path):
    (tmp_path / "t").write_text("AAAC-1,1,0\r\nAAAG-1,0,0\r\n,,\r\n")
    assert read_rows(tmp_path / "t") == [["AAAC-1", "1", "0"], ["AAAG-1", "0", "0"]]
    (tmp_path / "t").write_text("AAAC-1\nAAAG-1\n")
    assert read_rows(tmp_path / "t") == [["AAAC-1"], ["AAAG-1"]]


@pytest.mark.parametrize(
    "word", ["", " ", "NA", "nan", "NaN", "None", "null", "N/A", "<NA>", "n/a", "NULL", " NA "]
)
def test_words_for_nothing_known(word: str):
    assert known(word) == ""


@pytest.mark.parametrize("word", ["A", "Nancy", "NA1", "0", "no", "unknown"])
def test_what_is_known_stays(word: str):
    assert known(f" {word}\t") == word
