"""Synthetic tissue for a first run: four slides of two patients, generated in seconds."""

from __future__ import annotations

from stbench.synthetic.dataset import SyntheticDataset
from stbench.synthetic.section import Design


class Demo(SyntheticDataset):
    """SYNTHETIC: two patients with two sections each, about 85 spots per slide, 150 genes."""

    name = "demo"
    design = Design(seed=7, patients=("A", "A", "B", "B"), grid=10, n_genes=150, surroundings=0.8)
