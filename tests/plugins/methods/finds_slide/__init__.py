"""A fixture: looks for the test slide itself in the process's memory."""

from .method import FindsSlide as plugin

__all__ = ["plugin"]
