"""A fifth slide of the demo's generator, predicted from its image: its PCC beside what the trust card promised.

    python tests/benchmarks/fifth_slide.py ridge
    python tests/benchmarks/fifth_slide.py spahgc --epochs 5 --split slide

SYNTHETIC tissue. The method is run under the nested protocol on `demo`, fitted on its four slides and kept. The fifth
slide, of a patient that the four do not have, is predicted twice: from its image alone, where spots are laid by us and
each measured spot is compared with the predicted ones around it (linear interpolation), and with its spots given.
PCC is the mean over the model's genes of the correlation over spots with 100 counts and more, computed here anew.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator

import stbench
from stbench.datasets.demo import plugin as Demo  # pyright: ignore[reportMissingImports]
from stbench.synthetic.section import PITCH, Section, make_section

MIN_COUNTS = 100
SLIDE = "C1"
UM_PER_PX = 200 / PITCH


def fifth_slide(folder: Path) -> Section:
    """The section, its image and its spots written to `folder` apart, so that an image alone is one."""
    design = Demo.design._replace(patients=(*Demo.design.patients, SLIDE[0]))
    section = make_section(design, SLIDE)
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(section.image).save(folder / f"{SLIDE}.png")
    lines = ["barcode\tarray_x\tarray_y\tpixel_x\tpixel_y"]
    for (row, column), (x, y) in zip(section.array_row_column, section.pixel_xy, strict=True):
        lines.append(f"{column}x{row}\t{column}\t{row}\t{x}\t{y}")
    (folder / "spots.tsv").write_text("\n".join(lines) + "\n")
    return section


def mean_pcc(section: Section, genes: list[str], predicted: np.ndarray) -> float:
    """Mean over genes of the correlation of log counts per million with the predictions at the section's spots."""
    totals = section.counts.sum(axis=1, keepdims=True)
    scored = totals[:, 0] >= MIN_COUNTS
    columns = [section.genes.index(gene) for gene in genes]
    truth = np.log1p(section.counts[scored] / totals[scored] * 1e6)[:, columns]
    pairs = zip(truth.T, predicted[scored].T, strict=True)
    return float(np.mean([np.corrcoef(t, p)[0, 1] if np.ptp(p) else 0.0 for t, p in pairs if np.ptp(t)]))


def at_spots(places: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Predictions at other places: between the predicted ones linearly, beyond them the nearest."""
    between = LinearNDInterpolator(places, values)(wanted)
    return np.where(np.isnan(between), NearestNDInterpolator(places, values)(wanted), between)


def command(*arguments: object) -> None:
    ended = subprocess.run([sys.executable, "-m", "stbench", *map(str, arguments)], stdout=sys.stderr)
    if ended.returncode:
        sys.exit(f"stbench {arguments[0]} ended with exit status {ended.returncode}.")


def compared(model: Path, folder: Path) -> str:
    """Promise and outcome in a line."""
    section, kept = fifth_slide(folder), stbench.load(model)
    image = folder / f"{SLIDE}.png"
    alone = kept.predict(image, um_per_px=UM_PER_PX, all_genes=True)
    given = kept.predict(image, um_per_px=UM_PER_PX, all_genes=True, spots=folder / "spots.tsv")
    genes, promised = (
        list(kept.card.genes),
        [slide.pcc for slide in kept.card.trust.slides if slide.pcc is not None],
    )
    interpolated = at_spots(np.asarray(alone.obsm["spatial"]), np.asarray(alone.X), section.pixel_xy)
    words = f"{np.mean(promised):.3f} ({min(promised):.3f} to {max(promised):.3f})" if promised else "nothing"
    return (
        f"{kept.card.method}: promised {words}, image alone {mean_pcc(section, genes, interpolated):.3f} "
        f"({alone.n_obs} spots laid), spots given {mean_pcc(section, genes, np.asarray(given.X)):.3f} "
        f"({given.n_obs} spots), {len(genes)} genes"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("method")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--split", default="patient")
    parser.add_argument("--inner", default="pairs")
    parser.add_argument("--n-genes", type=int, default=50)
    parser.add_argument(
        "--folder", type=Path, help="where results and model are kept; a temporary one if not given"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        options = [
            "--method",
            asked.method,
            "--dataset",
            "demo",
            "--split",
            asked.split,
            "--inner",
            asked.inner,
        ]
        options += ["--n-genes", asked.n_genes, "--out", folder / "runs"]
        options += ["--epochs", asked.epochs] if asked.epochs else []
        command("run", *options)
        command("fit", *options, "--to", folder / "model")
        print(compared(folder / "model", folder / "fifth"))


if __name__ == "__main__":
    main()
