"""Synthetic tissue for a first run: four slides of two patients."""

from .dataset import Demo as plugin

__all__ = ["plugin"]
