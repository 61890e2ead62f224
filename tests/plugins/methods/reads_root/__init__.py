"""A fixture: reads the test slide's counts from the data root."""

from .method import ReadsRoot as plugin

__all__ = ["plugin"]
