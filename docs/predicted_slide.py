"""A slide that `stbench predict` wrote, drawn by squidpy: its picture, and its spots by predicted genes.

    python tests/benchmarks/fifth_slide.py ridge --folder fifth
    stbench predict fifth/model fifth/fifth/C1.png --um-per-px 1 --to C1.h5ad
    python docs/predicted_slide.py C1.h5ad --synthetic --to docs/predicted-slide.png

The file is read as any Visium slide is; nothing of stbench is loaded. The genes are those that the trust card knows to
be predicted best. Needs `pip install squidpy`.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from PIL import Image

# The plot is all that is wanted of squidpy; it must open no window.
os.environ.setdefault("MPLBACKEND", "agg")
_COLOURS = 96  # a picture for a README is to be small


def best_genes(data: Any, n: int) -> list[str]:
    """Genes by falling PCC at equal depth, or the first ones where the file knows of no scores."""
    known = data.var["pcc_equal_depth"].dropna()
    return list(known.sort_values(ascending=False).index[:n]) or list(data.var_names[:n])


def title_of(data: Any, gene: str) -> str:
    scores = data.var.loc[gene]
    promised = (
        f"\nPCC {scores['pcc']:.2f}, null {scores['pcc_null']:.2f}" if scores["pcc"] == scores["pcc"] else ""
    )
    return f"{gene} as predicted{promised}"


def draw(path: Path, to: Path, n_genes: int, synthetic: bool) -> None:
    import anndata
    import matplotlib.pyplot as plt
    import squidpy  # pyright: ignore[reportMissingImports]

    data = anndata.read_h5ad(path)
    (slide,) = data.uns["spatial"]
    genes = best_genes(data, n_genes)
    _, axes = plt.subplots(1, 1 + len(genes), figsize=(3.1 * (1 + len(genes)), 3.2), layout="constrained")
    common = {"library_id": slide, "frameon": False, "axis_label": ["", ""]}
    squidpy.pl.spatial_scatter(data, color=None, ax=axes[0], title=f"{slide}: the image alone", **common)
    for gene, ax in zip(genes, axes[1:], strict=True):
        squidpy.pl.spatial_scatter(
            data, color=gene, ax=ax, title=title_of(data, gene), cmap="viridis", img_alpha=0.5, **common
        )
    about = data.uns["stbench"]
    kind = "SYNTHETIC tissue: shows that it works, nothing about biology. " if synthetic else ""
    axes[0].figure.suptitle(
        f"{kind}{about['method']} fitted on {about['dataset']}, drawn by squidpy", fontsize=9
    )
    axes[0].figure.savefig(to, dpi=80)
    with Image.open(to) as drawn:
        small = drawn.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
    small.save(to, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("predicted", type=Path, help="an .h5ad file of stbench predict, of one slide")
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--genes", type=int, default=2)
    parser.add_argument("--synthetic", action="store_true", help="say so in the title")
    asked = parser.parse_args()
    draw(asked.predicted, asked.to, asked.genes, asked.synthetic)


if __name__ == "__main__":
    main()
