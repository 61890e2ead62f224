"""HER2+ breast cancer, spatial transcriptomics, 36 sections of 8 patients."""

from .dataset import Her2 as plugin

__all__ = ["plugin"]
