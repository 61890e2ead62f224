"""A fixture: reads the slides' own files."""

from .method import ReadsFile as plugin

__all__ = ["plugin"]
