"""Pancreatic ductal adenocarcinoma, Visium, four slides of HEST-1k."""

from .dataset import PancreasVisium as plugin

__all__ = ["plugin"]
