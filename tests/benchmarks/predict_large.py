"""A ridge model predicts a generated TIFF of any size: minutes, processor time, and the memory of all processes.

    python tests/benchmarks/predict_large.py FOLDER                                # 5,000 spots, 20,000 x 20,000 px
    python tests/benchmarks/predict_large.py FOLDER --size 100000 80000 --areas 3  # a whole slide: an image alone

What is aimed at: the first in 20 minutes and 4 GiB on two cores, the second in 4 GiB. Tissue fills the image, or
square areas of it, and all else is glass; the file is a pyramid of JPEG tiles, written tile by tile. The model has 785
genes and random numbers, for what it predicts does not matter to either. FOLDER keeps the TIFF for the next time.

Memory is the sum over the process tree of the proportional set size (what processes share counts once), looked at
every half second, so that a peak of less may be missed; --rss sums the resident sizes in its place, an upper bound.
"""

from __future__ import annotations

import argparse
import ctypes
import math
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from tifffile import TiffWriter

from stbench import registry
from stbench.contract import FittedState, Needs
from stbench.evaluation.provenance import stbench_version
from stbench.files import replacing
from stbench.models.model_card import ModelCard, Patch, TrainingData, TrustCard
from stbench.models.model_file import KeptModel, write_model
from stbench.preprocess.encoders import encoder_identity
from stbench.synthetic.section import Design, make_section

GENES, SPOTS, WIDTH, COMPONENTS, TILE = 785, 5000, 1280, 64, 512
AREA = 9_000  # pixels along the edge of an area of tissue on glass
REDUCED = (4, 16, 64)  # of the pyramid's further levels
GLASS = 243
_SUBREAPER = 36  # of prctl: whoever loses its parent stays in the tree


class Tissue(NamedTuple):
    """Square areas (left, top, edge) in pixels, whole tiles each, and the tiles of tissue that fill them."""

    areas: list[tuple[int, int, int]]
    tiles: list[np.ndarray]

    def tile(self, row: int, column: int) -> np.ndarray | None:
        """The full-resolution tile there, None for glass."""
        x, y = column * TILE, row * TILE
        if any(left <= x < left + edge and top <= y < top + edge for left, top, edge in self.areas):
            return self.tiles[(row * 3 + column) % len(self.tiles)]
        return None


def tissue_of(width: int, height: int, n_areas: int) -> Tissue:
    """`n_areas` squares spread over the diagonal, or one that covers everything for 0."""
    section = make_section(Design(seed=3, patients=("A",), grid=8, n_genes=20), "A1").image
    places = range(0, TILE * 3, TILE)
    tiles = [section[y : y + TILE, x : x + TILE] for y in places for x in places]
    if not n_areas:
        return Tissue([(0, 0, max(width, height))], tiles)
    edge = min(AREA, width // n_areas, height // n_areas) // TILE * TILE
    steps = [(i + 0.5) / n_areas for i in range(n_areas)]
    corners = [((size * step - edge / 2) // TILE * TILE for size in (width, height)) for step in steps]
    return Tissue([(int(left), int(top), edge) for left, top in corners], tiles)


def level(tissue: Tissue, width: int, height: int, factor: int) -> Iterator[np.ndarray]:
    """The tiles of one level of the pyramid, each pixel a square of factor x factor."""
    small = TILE // factor
    reduced = {id(tile): np.asarray(Image.fromarray(tile).reduce(factor)) for tile in tissue.tiles}
    rows, columns = (math.ceil(size / factor / TILE) for size in (height, width))
    for row in range(rows):
        for column in range(columns):
            made = np.full((TILE, TILE, 3), GLASS, dtype=np.uint8)
            for y in range(factor):
                for x in range(factor):
                    full = tissue.tile(row * factor + y, column * factor + x)
                    if full is not None:
                        made[y * small : (y + 1) * small, x * small : (x + 1) * small] = reduced[id(full)]
            yield made


def write_slide(path: Path, width: int, height: int, n_areas: int) -> None:
    """A pyramid of JPEG tiles, written tile by tile."""
    tissue = tissue_of(width, height, n_areas)
    common = {"dtype": np.uint8, "tile": (TILE, TILE), "photometric": "rgb", "compression": "jpeg"}
    levels = [factor for factor in REDUCED if min(width, height) // factor >= TILE]
    with replacing(path) as temporary, TiffWriter(temporary, bigtiff=True) as tiff:
        for factor in (1, *levels):
            own = {"subifds": len(levels)} if factor == 1 else {"subfiletype": 1}
            shape = (math.ceil(height / factor), math.ceil(width / factor), 3)
            tiff.write(level(tissue, width, height, factor), shape=shape, **common, **own)  # type: ignore[arg-type]


def write_spots(path: Path, width: int, height: int, n_spots: int) -> None:
    """A grid of spots over the whole slide."""
    side = math.ceil(math.sqrt(n_spots))
    lines = ["barcode\tarray_x\tarray_y\tpixel_x\tpixel_y"]
    for i in range(n_spots):
        row, column = divmod(i, side)
        x, y = (column + 0.5) * width / side, (row + 0.5) * height / side
        lines.append(f"{column}x{row}\t{column}\t{row}\t{x:.1f}\t{y:.1f}")
    path.write_text("\n".join(lines) + "\n")


def random_model() -> KeptModel:
    rng = np.random.default_rng(0)
    arrays = {
        "axes": np.linalg.qr(rng.normal(size=(WIDTH, COMPONENTS)))[0].T.copy(),
        "centre": rng.normal(size=WIDTH),
        "strength": rng.uniform(1, 100, COMPONENTS),
        "alignment": rng.normal(size=(COMPONENTS, GENES)),
        "mean": rng.uniform(size=GENES),
    }
    card = ModelCard(
        stbench=stbench_version(),
        method="ridge",
        variant="",
        source=registry.source_hash("method", "ridge"),
        settings={},
        state={},
        holds_expression=False,
        chosen="random numbers",
        seed=0,
        genes=tuple(f"G{i}" for i in range(GENES)),
        target="logcpm",
        encoder=encoder_identity("efficientnet_lite0"),
        patch=Patch(pixels=224),
        needs=Needs(embeddings=True),
        data=TrainingData(
            dataset="none",
            slides=("none",),
            terms="none",
            citation="none",
            platform="ST",
            microns_per_pixel=0.5,
            pitch_um=100.0,
        ),
        trust=TrustCard(about="random numbers"),
    )
    scale = np.zeros(GENES), np.ones(GENES)
    return KeptModel(card, FittedState(arrays, {}), *scale, np.zeros((1, WIDTH)), np.ones((1, WIDTH)))


class Spent(NamedTuple):
    """What a command took: minutes, processor minutes of all its processes, GiB at most."""

    minutes: float
    cpu_minutes: float
    gib: float


def spent_on(command: list[str], shared_counts_once: bool = True) -> Spent:
    """Run a command and look at the memory of its whole process tree as it goes."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1)
    began, most = time.monotonic(), 0
    process = subprocess.Popen(command)
    while process.poll() is None:
        most = max(most, sum(_memory(pid, shared_counts_once) for pid in _below(os.getpid())))
        time.sleep(0.5)
    minutes = (time.monotonic() - began) / 60
    if process.returncode:
        sys.exit(f"It ended with exit status {process.returncode}.")
    _wait_for_orphans()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Spent(minutes, (used.ru_utime + used.ru_stime) / 60, most / 1024**3)


def _below(parent: int) -> list[int]:
    """All processes below one, by what /proc says of their parents."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(path.parent.name))
    found = list(parents.get(parent, ()))
    for pid in found:
        found += parents.get(pid, ())
    return found


def _memory(pid: int, shared_counts_once: bool) -> int:
    """Bytes of a process; 0 where it has ended."""
    try:
        if shared_counts_once:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
    except PermissionError:
        pass
    except OSError:
        return 0
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


def _wait_for_orphans(seconds: float = 10) -> None:
    """Collect the processes that start trials, which end when nobody needs them, so that their time counts."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.1)
        except ChildProcessError:
            return


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, nargs=2, default=(20_000, 20_000), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--areas", type=int, default=0, help="of tissue on glass; 0 for tissue all over")
    parser.add_argument(
        "--spots", type=int, help=f"in a spot file ({SPOTS} without --areas); else tissue is found"
    )
    parser.add_argument("--um-per-px", type=float, default=0.5)
    parser.add_argument("--pitch-um", type=float, default=200)
    parser.add_argument("--rss", action="store_true", help="sum resident sizes: what is shared counts often")
    asked = parser.parse_args()
    (width, height), folder = asked.size, asked.folder
    folder.mkdir(parents=True, exist_ok=True)
    slide = folder / f"large-{width}x{height}-{asked.areas}.tif"
    if not slide.is_file():
        write_slide(slide, width, height, asked.areas)
    write_model(folder / "random.stbench", random_model())
    options = ["--um-per-px", str(asked.um_per_px), "--pitch-um", str(asked.pitch_um)]
    n_spots = asked.spots or (0 if asked.areas else SPOTS)
    if n_spots:
        write_spots(folder / "spots.tsv", width, height, n_spots)
        options += ["--spots", str(folder / "spots.tsv")]
    to = folder / "large.h5ad"
    command = [
        sys.executable,
        "-m",
        "stbench",
        "predict",
        str(folder / "random.stbench"),
        str(slide),
        "--to",
        str(to),
    ]
    spent = spent_on([*command, *options], not asked.rss)
    print(
        f"{width} x {height} px, {GENES} genes: {spent.minutes:.1f} min, {spent.cpu_minutes:.1f} min of processor "
        f"time, {spent.gib:.2f} GiB at most in all processes"
    )


if __name__ == "__main__":
    main()
