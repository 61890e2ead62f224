"""10x Genomics feature-barcode matrices: HDF5 of either layout, and MEX folders; gene expression rows only."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from stbench.errors import DatasetError

from .gene_names import symbols_of, unique_genes
from .parts import CountMatrix, whole_counts
from .tables import check_unique, read_rows
from .text import open_unpacked, whole_file

log = logging.getLogger(__name__)
GENE_EXPRESSION = "Gene Expression"
MEX_PARTS = {
    "matrix": ("matrix.mtx",),
    "barcodes": ("barcodes.tsv",),
    "features": ("features.tsv", "genes.tsv"),
}


def read_feature_hdf5(path: Path) -> CountMatrix:
    """A matrix in HDF5: the layout of Cell Ranger 3 on (`/matrix`) or that of version 2 (a group per genome)."""
    import h5py

    try:
        with h5py.File(path) as file:
            group = _matrix_group(file, path)
            n_features, n_barcodes = (int(n) for n in group["shape"][:])
            symbols, kinds = _features(group)
            barcodes = [name.decode() for name in group["barcodes"][:]]
            # By barcode, with feature indices: read as rows of spots, that is (spots, features).
            counts = sparse.csr_matrix(
                (group["data"][:], group["indices"][:], group["indptr"][:]), shape=(n_barcodes, n_features)
            )
            counts.check_format(full_check=True)
    except (OSError, KeyError, ValueError, RuntimeError, UnicodeDecodeError) as error:
        raise DatasetError(
            f"{path} cannot be read as a 10x feature matrix ({error}); copy or download it again."
        ) from error
    return _gene_counts(path, barcodes, symbols, kinds, counts)


def _matrix_group(file: Any, path: Path) -> Any:
    """The HDF5 group that holds the matrix, in either layout."""
    if "matrix" in file:
        return file["matrix"]
    genomes = [name for name, group in file.items() if "gene_names" in group]
    if len(genomes) != 1:
        found = f"the genomes {', '.join(genomes)}" if genomes else f"the groups {', '.join(file)}"
        raise DatasetError(
            f"{path} holds {found}; a 10x matrix has the group `matrix` or one genome with `gene_names`."
        )
    return file[genomes[0]]


def _features(group: Any) -> tuple[list[str], list[str]]:
    """Symbols and kinds of the features; version 2 knows genes only."""
    if "features" in group:
        kinds = [kind.decode() for kind in group["features/feature_type"][:]]
        return _symbols(group, "features/name", "features/id"), kinds
    symbols = _symbols(group, "gene_names", "genes")
    return symbols, [GENE_EXPRESSION] * len(symbols)


def _symbols(group: Any, *places: str) -> list[str]:
    """What the features are called: whichever of the places holds symbols; only the first must be there."""
    found = [places[0], *(place for place in places[1:] if place in group)]
    return symbols_of(*([name.decode() for name in group[place][:]] for place in found))


def mex_files(folder: Path) -> dict[str, Path]:
    """Those of matrix, barcodes and features (or genes) that lie in a MEX folder, gzipped or not."""
    candidates = {
        part: [folder / f"{name}{gz}" for name in names for gz in (".gz", "")]
        for part, names in MEX_PARTS.items()
    }
    found = {part: next(filter(Path.is_file, paths), None) for part, paths in candidates.items()}
    return {part: path for part, path in found.items() if path is not None}


def read_feature_mex(files: Mapping[str, Path]) -> CountMatrix:
    """A matrix in Market Exchange format; `files` maps matrix, barcodes and features to their paths.

    Features have a line each: id, symbol, kind; or id and symbol; or the symbol alone.
    """
    if absent := [part for part in MEX_PARTS if part not in files]:
        folder = next((path.parent for path in files.values()), Path())
        names = ", ".join(f"{' or '.join(MEX_PARTS[part])}[.gz]" for part in absent)
        raise DatasetError(f"The matrix folder {folder} lacks {names}; copy or download it again.")
    counts = _read_market(files["matrix"])
    barcodes = [row[0] for row in read_rows(files["barcodes"])]
    features = read_rows(files["features"])
    n_features, n_barcodes = counts.shape  # type: ignore[misc]
    for part, names, n in (("features", features, n_features), ("barcodes", barcodes, n_barcodes)):
        if len(names) != n:
            raise DatasetError(
                f"{files[part]} has {len(names)} lines for the {n} {part} of {files['matrix']}; is it cut off?"
            )
    symbols = symbols_of(
        [row[1] if len(row) > 1 else row[0] for row in features], [row[0] for row in features]
    )
    kinds = [row[2] if len(row) > 2 else GENE_EXPRESSION for row in features]
    return _gene_counts(files["matrix"], barcodes, symbols, kinds, counts.T.tocsr())


def _read_market(path: Path) -> sparse.coo_matrix:
    from scipy.io import mmread

    try:
        with whole_file(path), open_unpacked(path) as file:
            counts = sparse.coo_matrix(mmread(file))
    except ValueError as error:
        raise DatasetError(
            f"{path} cannot be read as a matrix ({error}); copy or download it again."
        ) from error
    # 32 bits at once: a slide's counts take half the memory from here on.
    return sparse.coo_matrix((_narrowed(counts.data), counts.coords), shape=counts.shape)


def _narrowed(values: np.ndarray) -> np.ndarray:
    """Whole numbers in 32 bits where they fit."""
    fits = values.dtype.kind in "iu" and (values.size == 0 or values.max() <= np.iinfo(np.int32).max)
    return values.astype(np.int32) if fits else values


def _gene_counts(
    path: Path,
    barcodes: Sequence[str],
    symbols: Sequence[str],
    kinds: Sequence[str],
    counts: sparse.csr_matrix,
) -> CountMatrix:
    """The gene expression columns of (spots, features), with unique names."""
    if not barcodes or not symbols:
        raise DatasetError(
            f"{path} holds no counts: {len(symbols)} features and {len(barcodes)} barcodes found."
        )
    check_unique(barcodes, path, "barcode")
    genes = np.array([kind == GENE_EXPRESSION for kind in kinds])
    if not genes.any():
        raise DatasetError(
            f"{path} holds no gene expression; its features are {', '.join(sorted(set(kinds)))}."
        )
    if not genes.all():
        log.info("%s: %d features are no gene expression and left out", path.name, int((~genes).sum()))
        counts = counts[:, genes]
        symbols = [symbol for symbol, gene in zip(symbols, genes, strict=True) if gene]
    return CountMatrix(path, tuple(barcodes), unique_genes(symbols, path), whole_counts(counts, path))


def write_feature_hdf5(
    barcodes: Sequence[str], genes: Sequence[str], counts: sparse.csr_matrix, path: Path
) -> None:
    """Write (spots, genes) counts as HDF5 in the layout of Cell Ranger 3."""
    import h5py

    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        group["barcodes"] = np.array(barcodes, dtype="S")
        group["shape"] = np.array([len(genes), len(barcodes)], dtype=np.int32)
        for name in ("data", "indices", "indptr"):
            group.create_dataset(name, data=getattr(counts, name), compression="gzip", compression_opts=1)
        features = group.create_group("features")
        features["id"] = features["name"] = np.array([gene.encode() for gene in genes])
        features["feature_type"] = np.array([GENE_EXPRESSION.encode()] * len(genes))
