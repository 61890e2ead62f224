"""Synthetic tissue for checks: three small slides of three patients."""

from .dataset import DemoTiny as plugin

__all__ = ["plugin"]
