"""Metastatic breast cancer in lymph nodes, Visium, four slides of HEST-1k."""

from .dataset import LymphNode as plugin

__all__ = ["plugin"]
