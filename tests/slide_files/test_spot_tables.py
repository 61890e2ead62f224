"""ST tables as text: counts, positions and labels, whatever order the lines are in."""

from __future__ import annotations

import gzip
import logging
from pathlib import Path

import pytest

from stbench.errors import DatasetError
from stbench.slide_files.count_tables import read_count_table, write_count_table
from stbench.slide_files.spot_tables import (
    read_coordinate_labels,
    read_selection,
    read_spot_labels,
    read_spot_table,
)
from stbench.slide_files.tables import read_table

COUNTS = "\tA\tB\tA\n3x5\t1\t0\t4\n4x5\t0\t2\t0\n"
SPOTS = (
    "barcode\tarray_x\tarray_y\tnew_x\tnew_y\tpixel_x\tpixel_y\tlabel\n"
    "s1\t3\t5\t3.1\t5.0\t30.5\t20.25\tmitral\n"
    "s2\t7\t2\t7.1\t2.0\t70.0\t10.5\t\n"
)


@pytest.mark.parametrize("name", ["counts.tsv", "counts.tsv.gz"])
def test_repeated_genes_are_made_unique_counted_and_said(tmp_path: Path, name: str, caplog):
    content = COUNTS.encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    with caplog.at_level(logging.WARNING):
        table = read_count_table(tmp_path / name)
    assert table.genes == ("A", "B", "A-1")
    assert table.counts.toarray().tolist() == [[1, 0, 4], [0, 2, 0]]
    assert f"{name}: 1 gene symbols occur more than once (A, say)" in caplog.text
    with pytest.raises(DatasetError, match="gene column 'A' twice"):
        read_count_table(tmp_path / name, repeated_genes="refuse")


def test_what_is_written_is_read(tmp_path: Path):
    (tmp_path / "in.tsv").write_text(COUNTS)
    table = read_count_table(tmp_path / "in.tsv")
    write_count_table(table.spot_ids, table.genes, table.counts.toarray(), tmp_path / "out.tsv.gz")
    again = read_count_table(tmp_path / "out.tsv.gz")
    assert (again.spot_ids, again.genes) == (table.spot_ids, table.genes)
    assert (again.counts != table.counts).nnz == 0


def test_a_spot_table_gives_row_then_column_and_x_then_y(tmp_path: Path):
    (tmp_path / "spots.tsv").write_text(SPOTS)
    positions = read_spot_table(tmp_path / "spots.tsv")
    assert positions.spot_ids == ("s1", "s2")
    assert positions.array_row_column.tolist() == [[5, 3], [2, 7]]
    assert positions.pixel_xy.tolist() == [[30.5, 20.25], [70.0, 10.5]]
    assert read_spot_labels(tmp_path / "spots.tsv").by_spot == {"s1": "mitral", "s2": ""}


def test_spots_outside_tissue_are_left_out_and_none_at_all_is_refused(tmp_path: Path):
    path = tmp_path / "spots.tsv"
    lines = SPOTS.splitlines()
    path.write_text("\n".join([f"{lines[0]}\tin_tissue", f"{lines[1]}\t0", f"{lines[2]}\t1"]))
    positions = read_spot_table(path)
    assert (positions.spot_ids, positions.n_outside_tissue) == (("s2",), 1)
    path.write_text("\n".join([f"{lines[0]}\tin_tissue", f"{lines[1]}\t0"]))
    with pytest.raises(DatasetError, match=r"spots\.tsv names no spot under tissue among its 1"):
        read_spot_table(path)


def test_a_selection_without_any_selected_spot_is_refused(tmp_path: Path):
    path = tmp_path / "selection.tsv"
    path.write_text("x\ty\tpixel_x\tpixel_y\tselected\n3\t5\t30\t20\t0\n")
    with pytest.raises(DatasetError, match=r"selection\.tsv names no spot under tissue"):
        read_selection(path)


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        ("barcode,label\nb,X\na,NA\n", None, {"b": "X", "a": ""}),
        ("Barcode,Pathology\nb,X\n", None, {"b": "X"}),
        ('"","n","Class"\n"b",3,"X, Y"\n', "Class", {"b": "X, Y"}),
        ("n,Class\nb,3,X\n", "Class", {"b": "X"}),  # as R writes row names
    ],
)
def test_label_tables_of_several_kinds(tmp_path: Path, text: str, column: str | None, expected: dict):
    path = tmp_path / "labels.csv"
    path.write_text(text)
    assert read_spot_labels(path, column).by_spot == expected


def test_label_tables_without_a_label_column_or_with_a_spot_twice(tmp_path: Path):
    path = tmp_path / "labels.csv"
    path.write_text("barcode,n,m\na,1,2\n")
    with pytest.raises(DatasetError, match=r"labels\.csv has no column 'label'.*barcode, n, m"):
        read_spot_labels(path)
    path.write_text("barcode,label\na,X\na,Y\n")
    with pytest.raises(DatasetError, match="spot 'a' twice"):
        read_spot_labels(path)


def test_a_table_written_by_a_spreadsheet_has_no_stray_mark(tmp_path: Path):
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbfslide,patient\r\nS1,A\r\n")
    assert read_table(tmp_path / "t.csv").to_dict("records") == [{"slide": "S1", "patient": "A"}]


# --- as people's programs write them ------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", ["\t", ",", ";"])
def test_a_spot_table_of_a_spreadsheet_is_the_same_table(tmp_path: Path, separator: str, encoding: str):
    (tmp_path / "plain.tsv").write_text(SPOTS)
    lines = [[f'"{cell} "' for cell in line.split("\t")] + ["", ""] for line in SPOTS.splitlines()] + [
        [""] * 10
    ]
    lines[1][1:3] = ["3.0", " 5 "]
    path = tmp_path / "spots.tsv"
    path.write_bytes("\r\n".join(map(separator.join, lines)).replace("mitral", "Körner").encode(encoding))
    expected, found = read_spot_table(tmp_path / "plain.tsv"), read_spot_table(path)
    assert found.spot_ids == expected.spot_ids
    assert found.array_row_column.tolist() == expected.array_row_column.tolist()
    assert found.pixel_xy.tolist() == expected.pixel_xy.tolist()
    assert read_spot_labels(path).by_spot == {"s1": "Körner", "s2": ""}


@pytest.mark.parametrize("name", ["Barcode", "spot", "Spot ID", "id", ""])
def test_spots_may_be_named_by_another_column_which_is_said(tmp_path: Path, name: str, caplog):
    path = tmp_path / "spots.tsv"
    path.write_text(
        SPOTS.replace("barcode", name, 1).replace("array_x", "array_col").replace("array_y", "Array_Row")
    )
    with caplog.at_level(logging.INFO):
        positions = read_spot_table(path)
    assert positions.spot_ids == ("s1", "s2")
    assert positions.array_row_column.tolist() == [[5, 3], [2, 7]]
    assert "is taken as barcode" in caplog.text
    assert "the column 'array_col' is taken as array_x" in caplog.text


def test_row_names_of_r_are_the_spots_even_beside_a_column_id(tmp_path: Path):
    path = tmp_path / "metadata.csv"
    path.write_text('"id","Class"\n"s1","P1","duct"\n"s2","P1",NA\n')
    assert read_spot_labels(path, "Class").by_spot == {"s1": "duct", "s2": ""}
    assert read_spot_labels(path, "class").by_spot == {"s1": "duct", "s2": ""}


@pytest.mark.parametrize("word", ["NA", "nan", "NaN", "None", "null", "N/A", "<NA>", ""])
def test_words_for_nothing_known_are_no_labels(tmp_path: Path, word: str):
    path = tmp_path / "labels.tsv"
    path.write_text(f"x\ty\tlabel\n3.1\t4.9\t{word}\n4.0\t5.0\tduct\n")
    assert read_coordinate_labels(path).by_spot == {"3x5": "", "4x5": "duct"}
    path.write_text(f"barcode\tlabel\na\t{word}\nb\tduct\n")
    assert read_spot_labels(path).by_spot == {"a": "", "b": "duct"}


def test_a_row_that_is_no_position_is_named(tmp_path: Path):
    path = tmp_path / "spots.tsv"
    path.write_text(SPOTS.replace("s2\t7\t", "s2\t7.5\t"))
    with pytest.raises(DatasetError, match=r"spots\.tsv: .*'array_x': '7\.5'.* is no position"):
        read_spot_table(path)
