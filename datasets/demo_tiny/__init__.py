"""Synthetic tissue for checks: four small slides of four patients."""

from .dataset import DemoTiny as plugin

__all__ = ["plugin"]
