"""A fixture: has another program read the slides' own files."""

from .method import AsksCat as plugin

__all__ = ["plugin"]
