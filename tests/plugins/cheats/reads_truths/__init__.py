"""A fixture: reads the truths that an earlier run stored."""

from .method import ReadsTruths as plugin

__all__ = ["plugin"]
