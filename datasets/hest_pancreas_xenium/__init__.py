"""Pancreatic cancer, Xenium pooled to pseudo-spots, three slides of HEST-1k."""

from .dataset import PancreasXenium as plugin

__all__ = ["plugin"]
