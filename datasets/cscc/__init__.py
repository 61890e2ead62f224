"""Cutaneous squamous cell carcinoma, spatial transcriptomics, 12 sections of 4 patients."""

from .dataset import CutaneousCarcinoma as plugin

__all__ = ["plugin"]
