"""Where the original files come from: the samples of GEO series GSE144240 that were measured by ST."""

from __future__ import annotations

from stbench.fetching import RemoteFile, geo_files

# P2, P5, P9 and P10, three replicates each, in this order.
SAMPLES = tuple(f"GSM{number}" for number in range(4284316, 4284328))
# Counts, spot positions, image.
PATTERNS = ("*_stdata.tsv.gz", "*_spot_data-selection-*.tsv.gz", "*.jpg.gz")


def remote_files() -> list[RemoteFile]:
    """Three files of each sample under GEO's names; DatasetError where GEO does not list them."""
    return geo_files(SAMPLES, PATTERNS)
