"""ST tables as text: counts, positions and labels, whatever order the lines are in."""

from __future__ import annotations

import gzip
import logging
from pathlib import Path

import pytest

from stbench.errors import DatasetError
from stbench.slide_files.count_tables import read_count_table, write_count_table
from stbench.slide_files.spot_tables import read_selection, read_spot_labels, read_spot_table
from stbench.slide_files.text import read_table

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
