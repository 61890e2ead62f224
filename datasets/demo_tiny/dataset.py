"""Synthetic tissue for checks: four small slides of four patients, generated in a second or two."""

from __future__ import annotations

from stbench.synthetic.dataset import SyntheticDataset
from stbench.synthetic.section import Design


class DemoTiny(SyntheticDataset):
    """SYNTHETIC: four patients with one section each, about 30 spots per slide, 60 genes."""

    name = "demo-tiny"
    design = Design(seed=11, patients=("A", "B", "C", "D"), grid=6, n_genes=60)
