"""A fixture: reads the slides' own files with the C library, of which Python hears nothing."""

from .method import ReadsByC as plugin

__all__ = ["plugin"]
