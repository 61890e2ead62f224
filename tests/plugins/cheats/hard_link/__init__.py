"""A fixture: reads a hard link to the slides' files that lies in its own folder."""

from .method import HardLink as plugin

__all__ = ["plugin"]
