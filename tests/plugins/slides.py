"""Small slides in the HER2+ provider's layout: seconds to run on, and easy to damage."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

EDGE = 5
N_GENES = 30
WIDTH, HEIGHT = 96, 96


def write_slides(root: Path, slides: Sequence[str] = ("A1", "B1", "C1", "D1")) -> Path:
    """Write slides of 25 spots and 30 genes below `root`, which is returned; the letter is the patient."""
    for number, slide in enumerate(slides):
        write_slide(root, slide, number)
    return root


def write_slide(root: Path, slide: str, seed: int = 0) -> None:
    """Counts, spots and image of one slide."""
    rng = np.random.default_rng([7, seed])
    spots = [(x, y) for x in range(2, 2 + EDGE) for y in range(2, 2 + EDGE)]
    depth = rng.lognormal(0, 0.3, (len(spots), 1))
    means = rng.gamma(2, 6, N_GENES) * (1 + 0.5 * np.sin(np.arange(N_GENES) + rng.random()))
    counts = rng.poisson(depth * means) + 1
    lines = ["\t".join(["", *genes()])]
    lines += ["\t".join([f"{x}x{y}", *map(str, row)]) for (x, y), row in zip(spots, counts, strict=True)]
    write_counts(root, slide, "\n".join(lines) + "\n")
    rows = ["x\ty\tnew_x\tnew_y\tpixel_x\tpixel_y\tselected"]
    rows += [f"{x}\t{y}\t{x}.0\t{y}.0\t{12 * x}.5\t{12 * y}.5\t1" for x, y in spots]
    path = spots_file(root, slide)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n")
    image = image_file(root, slide)
    image.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rng.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)).save(image)


def genes() -> list[str]:
    return [f"GENE{i}" for i in range(N_GENES)]


def write_counts(root: Path, slide: str, text: str) -> None:
    path = counts_file(root, slide)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


def read_counts(root: Path, slide: str) -> str:
    return gzip.decompress(counts_file(root, slide).read_bytes()).decode()


def counts_file(root: Path, slide: str) -> Path:
    return root / "her2st" / "data" / "ST-cnts" / f"{slide}.tsv.gz"


def spots_file(root: Path, slide: str) -> Path:
    return root / "her2st" / "data" / "ST-spotfiles" / f"{slide}_selection.tsv"


def image_file(root: Path, slide: str) -> Path:
    return root / "her2st" / "data" / "ST-imgs" / slide[0] / slide / "HE.jpg"
