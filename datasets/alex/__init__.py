"""Triple-negative breast cancer, Visium, four sections of four patients."""

from .dataset import Alex as plugin

__all__ = ["plugin"]
