"""Seconds and memory of embedding a slide of Visium HD, whose patches are cut as the encoder asks and never stored.

    python tests/benchmarks/hd_patches.py [--bins 150000] [--side 10000] [--edge 64] [--encoder NAME or none]

The picture is drawn: a TIFF of JPEG tiles, --side px wide and high, on which bins lie in a square. It is read by a
process of its own, whose peak memory is printed beside what it held before the picture was opened; the picture's own
pixels would be a quarter of a gigabyte and more. With `none` the patches are cut and thrown away. Goal: 3 GiB.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from scipy import sparse

from stbench.pictures.opening import open_image
from stbench.preprocess.encoders.loading import load_encoder
from stbench.preprocess.encoders.slide import BATCH, embeddings_of
from stbench.preprocess.patches import PatchSize, cut_in_blocks
from stbench.slide import Slide

TILE = 256
EMBEDDED_FIRST = 64


def draw(path: Path, side: int) -> None:
    """A TIFF of tiles whose pixels differ, written tile by tile."""
    random = np.random.default_rng(0)
    tiles_across = -(-side // TILE)

    def tiles() -> Iterator[np.ndarray]:
        for _ in range(tiles_across**2):
            blocks = random.integers(120, 256, (TILE // 8, TILE // 8, 3), dtype=np.uint8)
            yield np.kron(blocks, np.ones((8, 8, 1), dtype=np.uint8))

    tifffile.imwrite(
        path,
        tiles(),
        shape=(side, side, 3),
        dtype=np.uint8,
        tile=(TILE, TILE),
        photometric="rgb",
        compression="jpeg",
    )


def slide_of(image: Path, n_bins: int, side: int) -> Slide:
    """Bins in a square over the whole picture, in no order, as files have them; one gene."""
    across = int(np.ceil(np.sqrt(n_bins)))
    order = np.random.default_rng(1).permutation(n_bins)
    row_column = np.stack(np.divmod(order, across), axis=1)
    return Slide(
        id="HD",
        patient="A",
        platform="Visium HD",
        image=image,
        spot_ids=tuple(map(str, order)),
        pixel_xy=(row_column[:, ::-1] + 0.5) * (side / across),
        array_row_column=row_column,
        counts=sparse.csr_matrix(np.ones((n_bins, 1), dtype=np.int32)),
        genes=("G",),
    )


def peak() -> int:
    """Bytes that this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measure(image: Path, n_bins: int, side: int, edge: int, encoder: str | None, answer: Any) -> None:
    """Send back seconds, and bytes beyond those that slide and encoder take before the picture is opened."""
    slide = slide_of(image, n_bins, side)
    if encoder:
        load_encoder(encoder)(np.zeros((EMBEDDED_FIRST, edge, edge, 3), dtype=np.uint8))
    before, started = peak(), time.perf_counter()
    if encoder:
        assert embeddings_of(slide, encoder, PatchSize(edge)).shape[0] == n_bins
    else:
        with open_image(image) as opened:
            blocks = cut_in_blocks(opened, slide.pixel_xy, edge, edge, BATCH)
            assert sum(len(spots) for spots, _ in blocks) == n_bins
    answer.put((time.perf_counter() - started, peak() - before))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bins", type=int, default=150_000)
    parser.add_argument("--side", type=int, default=10_000)
    parser.add_argument("--edge", type=int, default=64)
    parser.add_argument("--encoder", default="efficientnet_lite0")
    given = parser.parse_args()
    encoder = None if given.encoder == "none" else given.encoder
    fresh = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["STBENCH_CACHE"] = folder
        image = Path(folder) / "slide.tif"
        draw(image, given.side)
        answer = fresh.SimpleQueue()
        work = (image, given.bins, given.side, given.edge, encoder, answer)
        process = fresh.Process(target=measure, args=work)
        process.start()
        process.join()
        if process.exitcode:
            raise SystemExit(f"ended with status {process.exitcode}")
        seconds, taken = answer.get()
        stored = sum(file.stat().st_size for file in Path(folder).rglob("*.npy"))
    print(
        f"{given.bins:,} patches of {given.edge} px {'embedded' if encoder else 'cut'} in {seconds:.1f} s, "
        f"{taken / 2**30:.2f} GiB beyond what was held before, {stored / 2**30:.2f} GiB stored"
    )


if __name__ == "__main__":
    main()
