"""Where the original files come from: Zenodo record 4739739, as archives that hold all six of its slides."""

from __future__ import annotations

from stbench.fetching import RemoteFile, zenodo_files

DOI = "10.5281/zenodo.4739739"
# They unpack to filtered_count_matrices/<slide>_filtered_count_matrix/, spatial/<slide>_spatial/ and
# metadata/<slide>_metadata.csv. The record holds no full-resolution images.
ARCHIVES = ("filtered_count_matrices.tar.gz", "metadata.tar.gz", "spatial.tar.gz")


def remote_files() -> list[RemoteFile]:
    """The archives with the sizes and checksums that the record states; DatasetError where it cannot be read."""
    return zenodo_files(DOI, ARCHIVES, unpack=ARCHIVES)
