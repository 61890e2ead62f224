"""A ridge model predicts 5,000 spots x 785 genes of a generated 20,000 x 20,000 px TIFF: minutes and peak memory.

    python tests/benchmarks/predict_large.py FOLDER [EDGE [SPOTS]]

What is aimed at: 20 minutes and 4 GiB on two cores. The model is made of random numbers, for what it predicts does
not matter to either; the slide is tiles of the demo's tissue. FOLDER keeps the TIFF for the next time.
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

import numpy as np
from tifffile import TiffWriter

from stbench import registry
from stbench.commands.predict import predict
from stbench.contract import FittedState, Needs
from stbench.evaluation.provenance import stbench_version
from stbench.files import replacing
from stbench.models.model_card import ModelCard, Patch, TrainingData, TrustCard
from stbench.models.model_file import KeptModel, write_model
from stbench.preprocess.encoders import encoder_identity
from stbench.synthetic.section import Design, make_section

GENES, SPOTS, WIDTH, COMPONENTS, TILE = 785, 5000, 1280, 64, 512


def write_slide(path: Path, edge: int) -> None:
    """A tiled TIFF of that edge, written tile by tile."""
    section = make_section(Design(seed=3, patients=("A",), grid=8, n_genes=20), "A1")
    middle = section.image[: TILE * 3, : TILE * 3]
    tiles = [
        middle[y : y + TILE, x : x + TILE] for y in range(0, TILE * 3, TILE) for x in range(0, TILE * 3, TILE)
    ]
    n = (-(-edge // TILE)) ** 2  # tiles, those at the edges whole
    with replacing(path) as temporary, TiffWriter(temporary, bigtiff=True) as tiff:
        tiff.write(
            (tiles[i % len(tiles)] for i in range(n)),
            shape=(edge, edge, 3),
            dtype=np.uint8,
            tile=(TILE, TILE),
            photometric="rgb",
            compression="jpeg",
        )


def write_spots(path: Path, edge: int, n_spots: int) -> None:
    """A square grid of spots over the whole slide."""
    side = int(np.ceil(np.sqrt(n_spots)))
    lines = ["barcode\tarray_x\tarray_y\tpixel_x\tpixel_y"]
    for i in range(n_spots):
        row, column = divmod(i, side)
        x, y = ((place + 0.5) * edge / side for place in (column, row))
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


def main() -> None:
    folder = Path(sys.argv[1])
    edge, n_spots = (*map(int, sys.argv[2:]), *(20_000, SPOTS)[len(sys.argv) - 2 :])
    folder.mkdir(parents=True, exist_ok=True)
    slide = folder / f"large-{edge}.tif"
    if not slide.is_file():
        write_slide(slide, edge)
    write_spots(folder / f"large-{edge}_spots.tsv", edge, n_spots)
    write_model(folder / "random.stbm", random_model())
    began = time.monotonic()
    data = predict(folder / "random.stbm", [str(slide)], folder / "large.h5ad", um_per_px=0.5)
    peak = (
        sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        / 1024**2
    )
    print(
        f"{data.n_obs} spots x {data.n_vars} genes in {(time.monotonic() - began) / 60:.1f} min, {peak:.2f} GiB at most"
    )


if __name__ == "__main__":
    main()
