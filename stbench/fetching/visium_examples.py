"""Files of the Visium example datasets that 10x Genomics publishes, in the layout that Space Ranger writes.

10x publishes each dataset as files whose names begin with the dataset's; here they get Space Ranger's own names. It
states neither sizes nor checksums in a list that could be read.
"""

from __future__ import annotations

from .addresses import address_of, below
from .remote_file import RemoteFile

# 10x's name for a file, after the dataset's -> Space Ranger's own.
_FILES = {
    "filtered_feature_bc_matrix.h5": "filtered_feature_bc_matrix.h5",
    "spatial.tar.gz": "spatial.tar.gz",  # unpacks to the folder spatial/
    "image.tif": "image.tif",
}


def visium_example_files(dataset: str, version: str, slide: str, page: str = "") -> list[RemoteFile]:
    """Counts, spot positions and full-resolution image of one section, below the folder `slide`.

    dataset  10x's name, such as V1_Breast_Cancer_Block_A_Section_1
    version  the Space Ranger version under which 10x published it, such as 1.1.0
    page     where 10x describes the dataset
    """
    folder = below(address_of("10x"), f"samples/spatial-exp/{version}/{dataset}")
    return [
        RemoteFile(
            name=f"{slide}/{name}",
            url=below(folder, f"{dataset}_{published}"),
            page=page,
            unpack=name.endswith(".tar.gz"),
        )
        for published, name in _FILES.items()
    ]
