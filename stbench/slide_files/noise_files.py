"""A slide's counts written as noise in the form that they have, for copies from which nothing can be learnt."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from stbench.files import replacing
from stbench.synthetic.scramble import scrambled_counts, scrambled_sparse_counts

from .anndata_files import write_scrambled
from .count_tables import read_count_table, write_count_table
from .feature_matrices import write_feature_hdf5
from .space_ranger import read_counts


def write_noise_table(path: Path, target: Path, seed: int) -> None:
    """Write the count table `path` to `target` with noise in place of its counts."""
    table = read_count_table(path)
    noise = scrambled_counts(table.counts.toarray(), seed)
    with replacing(target) as temporary:
        write_count_table(table.spot_ids, table.genes, noise, temporary)


def write_noise_matrix(files: Mapping[str, Path], target: Path, seed: int) -> None:
    """Write the 10x matrix in a Space Ranger output's files to `target` as HDF5, with noise in place of its counts."""
    matrix = read_counts(files)
    noise = scrambled_sparse_counts(matrix.counts, seed)
    with replacing(target) as temporary:
        write_feature_hdf5(matrix.spot_ids, matrix.genes, noise, temporary)


def write_noise_anndata(path: Path, target: Path, seed: int) -> None:
    """Write the .h5ad file `path` to `target` with noise in place of its counts."""
    with replacing(target) as temporary:
        write_scrambled(path, partial(scrambled_sparse_counts, seed=seed), temporary)
