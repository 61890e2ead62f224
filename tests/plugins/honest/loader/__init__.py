"""A fixture: reads its spots through a DataLoader with a process of its own."""

from .method import Loader as plugin

__all__ = ["plugin"]
