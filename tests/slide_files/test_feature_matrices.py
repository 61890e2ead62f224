"""10x matrices: either HDF5 layout and every kind of MEX folder give the counts that were written."""

from __future__ import annotations

import gzip
import logging
from pathlib import Path

import h5py
import numpy as np
import pytest
import visium_files as visium
from scipy import sparse

from stbench.errors import DatasetError
from stbench.slide_files.feature_matrices import (
    mex_files,
    read_feature_hdf5,
    read_feature_mex,
    write_feature_hdf5,
)
from stbench.slide_files.parts import CountMatrix


def check(matrix: CountMatrix) -> None:
    assert matrix.spot_ids == tuple(visium.BARCODES)
    assert matrix.genes == visium.GENES
    assert matrix.counts.dtype == np.int32
    np.testing.assert_array_equal(matrix.counts.toarray(), visium.COUNTS[:, :4])


def test_both_hdf5_layouts_hold_the_same_counts(tmp_path: Path):
    for write in (visium.write_hdf5_v3, visium.write_hdf5_v2):
        path = tmp_path / f"{write.__name__}.h5"
        write(path)
        check(read_feature_hdf5(path))


@pytest.mark.parametrize("columns", [3, 2, 1])
@pytest.mark.parametrize("gz", [True, False])
def test_mex_folders_with_features_genes_or_symbols_alone(tmp_path: Path, columns: int, gz: bool):
    visium.write_mex(tmp_path, columns, gz)
    check(read_feature_mex(mex_files(tmp_path)))


def test_symbols_are_taken_where_a_file_has_them_in_the_place_of_the_identifiers(tmp_path: Path):
    """Names and identifiers exchanged, blanks and quotes around the symbols, one gene without a symbol."""
    identifiers = [f"ENSMUSG{i:011d}" for i in range(4)]
    symbols = [" Actb", '"Tp53"', "NA", "Zero "]
    expected = ("Actb", "Tp53", identifiers[2], "Zero")
    lines = [
        f"{symbol}\t{name}\tGene Expression\n" for symbol, name in zip(symbols, identifiers, strict=True)
    ]
    visium.write_mex(tmp_path, gz=False)
    with h5py.File(tmp_path / "m.h5", "w") as file:
        group = file.create_group("matrix")
        group["barcodes"], group["shape"] = np.array(["AAAA-1"], "S"), np.array([4, 1], np.int32)
        group["data"], group["indices"], group["indptr"] = (
            np.array([3], np.int32),
            np.array([1]),
            np.array([0, 1]),
        )
        features = group.create_group("features")
        features["name"], features["id"] = np.array(identifiers, "S"), np.array(symbols, "S")
        features["feature_type"] = np.array(["Gene Expression"] * 4, "S")
    assert read_feature_hdf5(tmp_path / "m.h5").genes == expected
    (tmp_path / "features.tsv").write_text("".join(lines) + "ADT1\tCD3\tAntibody Capture\n")
    assert read_feature_mex(mex_files(tmp_path)).genes == expected


def test_plain_text_that_is_named_gz_is_read(tmp_path: Path):
    visium.write_mex(tmp_path, 3, gz=False)
    for path in list(tmp_path.iterdir()):
        path.rename(path.with_name(path.name + ".gz"))
    check(read_feature_mex(mex_files(tmp_path)))


def test_repeated_symbols_and_antibodies_are_counted_in_the_log(tmp_path: Path, caplog):
    visium.write_hdf5_v3(tmp_path / "m.h5")
    with caplog.at_level(logging.INFO):
        read_feature_hdf5(tmp_path / "m.h5")
    assert "1 gene symbols occur more than once (TP53, say)" in caplog.text
    assert "1 features are no gene expression" in caplog.text


@pytest.mark.parametrize("part", ["matrix.mtx", "barcodes.tsv", "features.tsv"])
def test_a_mex_folder_with_a_file_missing_names_it(tmp_path: Path, part: str):
    visium.write_mex(tmp_path)
    (tmp_path / f"{part}.gz").unlink()
    with pytest.raises(DatasetError, match=rf"{tmp_path.name} lacks {part}"):
        read_feature_mex(mex_files(tmp_path))


@pytest.mark.parametrize("part", ["matrix.mtx", "barcodes.tsv", "features.tsv"])
def test_truncated_gzip_is_named(tmp_path: Path, part: str):
    visium.write_mex(tmp_path)
    path = tmp_path / f"{part}.gz"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DatasetError, match=rf"{part}\.gz cannot be read"):
        read_feature_mex(mex_files(tmp_path))


@pytest.mark.parametrize("part", ["barcodes", "features"])
def test_lists_that_do_not_fit_the_matrix_are_named(tmp_path: Path, part: str):
    visium.write_mex(tmp_path, gz=False)
    path = tmp_path / f"{part}.tsv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(DatasetError, match=rf"{part}\.tsv has \d lines for the \d {part}.*cut off"):
        read_feature_mex(mex_files(tmp_path))


def test_a_cut_off_matrix_is_named(tmp_path: Path):
    visium.write_mex(tmp_path, gz=False)
    path = tmp_path / "matrix.mtx"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-2]))
    with pytest.raises(DatasetError, match=r"matrix\.mtx cannot be read as a matrix"):
        read_feature_mex(mex_files(tmp_path))


@pytest.mark.parametrize(("value", "reason"), [("0.5", "no whole numbers"), ("-3", "negative")])
def test_counts_that_are_none_are_refused(tmp_path: Path, value: str, reason: str):
    visium.write_mex(tmp_path, gz=False)
    path = tmp_path / "matrix.mtx"
    path.write_text(
        path.read_text()
        .replace("integer", "real")
        .replace("1 1 160", f"1 1 {value}")
        .replace("1 1 80", f"1 1 {value}")
    )
    with pytest.raises(DatasetError, match=rf"matrix\.mtx holds counts that are {reason}"):
        read_feature_mex(mex_files(tmp_path))


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _wrong_index(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["matrix/indices"][0] = 99


def _no_features(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["matrix/features"]


@pytest.mark.parametrize("damage", [_cut, _wrong_index, _no_features])
def test_damaged_hdf5_is_named(tmp_path: Path, damage):
    path = tmp_path / "m.h5"
    visium.write_hdf5_v3(path)
    damage(path)
    with pytest.raises(DatasetError, match=r"m\.h5 cannot be read as a 10x feature matrix"):
        read_feature_hdf5(path)


def test_other_hdf5_and_several_genomes_are_refused(tmp_path: Path):
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file["X"] = [1]
    with pytest.raises(DatasetError, match="holds the groups X"):
        read_feature_hdf5(path)
    with h5py.File(path, "w") as file:
        for genome in ("GRCh38", "mm10"):
            file[f"{genome}/gene_names"] = [b"A"]
    with pytest.raises(DatasetError, match="holds the genomes GRCh38, mm10"):
        read_feature_hdf5(path)


def test_what_is_written_is_read(tmp_path: Path):
    counts = sparse.csr_matrix(visium.COUNTS[:, :3].astype(np.int32))
    write_feature_hdf5(visium.BARCODES, ["MARK", "B", "C"], counts, tmp_path / "m.h5")
    matrix = read_feature_hdf5(tmp_path / "m.h5")
    assert (matrix.spot_ids, matrix.genes) == (tuple(visium.BARCODES), ("MARK", "B", "C"))
    np.testing.assert_array_equal(matrix.counts.toarray(), visium.COUNTS[:, :3])


def test_scanpy_reads_the_same_from_the_same_files(tmp_path: Path):
    import scanpy

    visium.write_hdf5_v3(tmp_path / "m.h5")
    with pytest.warns(UserWarning, match="not unique"):
        expected = scanpy.read_10x_h5(tmp_path / "m.h5")
    expected.var_names_make_unique()
    found = read_feature_hdf5(tmp_path / "m.h5")
    assert list(found.genes) == list(expected.var_names)
    np.testing.assert_array_equal(found.counts.toarray(), expected.X.toarray())


def test_a_gzip_file_that_is_no_table_of_text_is_named(tmp_path: Path):
    visium.write_mex(tmp_path)
    (tmp_path / "barcodes.tsv.gz").write_bytes(gzip.compress(b"\xff\xfe\x00"))
    with pytest.raises(DatasetError, match=r"barcodes\.tsv\.gz cannot be read whole"):
        read_feature_mex(mex_files(tmp_path))
