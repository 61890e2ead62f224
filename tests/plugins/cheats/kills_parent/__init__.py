"""A fixture: ends the process that started it, so that what it wrote counts."""

from .method import KillsParent as plugin

__all__ = ["plugin"]
