"""Synthetic tissue for checks: three small slides of three patients, generated in a second or two."""

from __future__ import annotations

from stbench.synthetic.dataset import SyntheticDataset
from stbench.synthetic.section import Design


class DemoTiny(SyntheticDataset):
    """SYNTHETIC: three patients with one section each, about 40 spots per slide, 60 genes."""

    name = "demo-tiny"
    design = Design(seed=11, patients=("A", "B", "C"), grid=7, n_genes=60)
